"""The methods of the Bot API this stand-in answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.telegram.bot import Bot
from sandbox.telegram.methods import account, edits, messages, profile, receiving
from sandbox.telegram.params import Params

Method = Callable[[Bot, Params], Any]

METHODS: dict[str, Method] = {
    "getMe": account.get_me,
    "getChat": account.get_chat,
    "logOut": account.log_out,
    "close": account.close,
    "getWebhookInfo": receiving.get_webhook_info,
    "sendMessage": messages.send_message,
    "sendPhoto": messages.send_photo,
    "sendDocument": messages.send_document,
    "sendChatAction": messages.send_chat_action,
    "deleteMessage": messages.delete_message,
    "answerCallbackQuery": messages.answer_callback_query,
    "getFile": messages.get_file,
    "editMessageText": edits.edit_message_text,
    "editMessageCaption": edits.edit_message_caption,
    "editMessageMedia": edits.edit_message_media,
    "editMessageReplyMarkup": edits.edit_message_reply_markup,
    "setMyCommands": profile.set_my_commands,
    "getMyCommands": profile.get_my_commands,
    "deleteMyCommands": profile.delete_my_commands,
    "setChatMenuButton": profile.set_chat_menu_button,
    "getChatMenuButton": profile.get_chat_menu_button,
    "setMyName": profile.set_my_name,
    "getMyName": profile.get_my_name,
    "setMyDescription": profile.set_my_description,
    "getMyDescription": profile.get_my_description,
    "setMyShortDescription": profile.set_my_short_description,
    "getMyShortDescription": profile.get_my_short_description,
}
# Their answers carry a description beside the result, or come already written out.
SPECIAL = ("getUpdates", "setWebhook", "deleteWebhook")
NAMES = {name.lower(): name for name in (*METHODS, *SPECIAL)}
# A call that rides on the webhook's answer may be none of these.
NOT_IN_REPLIES = {"setWebhook", "deleteWebhook", "close", "logOut"}
