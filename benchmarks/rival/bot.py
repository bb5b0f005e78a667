"""What most shops run: aiogram and SQLAlchemy on asyncpg, doing the same work for a newcomer's /start.

In one transaction it stores the update, adds or renews the customer and writes one event; then it replies.
"""

import asyncio
import os
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot, Dispatcher, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from sqlalchemy import BigInteger, DateTime, ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, datetime: DateTime(timezone=True), dict[str, Any]: JSONB}


class StoredUpdate(Base):
    __tablename__ = "updates"
    __table_args__ = (UniqueConstraint("bot_id", "update_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    bot_id: Mapped[int]
    update_id: Mapped[int]
    payload: Mapped[dict[str, Any]]
    received_at: Mapped[datetime]


class Customer(Base):
    __tablename__ = "customers"
    id: Mapped[int] = mapped_column(primary_key=True)
    telegram_id: Mapped[int] = mapped_column(unique=True)
    first_name: Mapped[str] = mapped_column(String(128))
    username: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(2))
    seen_at: Mapped[datetime]


class Event(Base):
    __tablename__ = "events"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customers.id"))
    action: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]


KEYBOARD = InlineKeyboardMarkup(
    inline_keyboard=[
        [InlineKeyboardButton(text="🎁 Try for free", callback_data="v1:trial")],
        [
            InlineKeyboardButton(text="💳 Plans", callback_data="v1:plans"),
            InlineKeyboardButton(text="👤 My profile", callback_data="v1:profile"),
        ],
        [
            InlineKeyboardButton(text="🌐 Русский / English", callback_data="v1:language"),
            InlineKeyboardButton(text="❓ Help", callback_data="v1:help"),
        ],
    ]
)

router = Router()


@router.message(CommandStart())
async def start(message: Message, event_update: Update, sessions: async_sessionmaker[Any]) -> None:
    person = message.from_user
    assert person is not None and message.bot is not None
    now = datetime.now(UTC)
    async with sessions.begin() as session:
        await session.execute(
            insert(StoredUpdate)
            .values(
                bot_id=message.bot.id,
                update_id=event_update.update_id,
                payload=event_update.model_dump(mode="json", exclude_none=True),
                received_at=now,
            )
            .on_conflict_do_nothing()
        )
        names = {"first_name": person.first_name, "username": person.username or "", "seen_at": now}
        customer_id = await session.scalar(
            insert(Customer)
            .values(telegram_id=person.id, language=(person.language_code or "en")[:2], **names)
            .on_conflict_do_update(index_elements=["telegram_id"], set_=names)
            .returning(Customer.id)
        )
        session.add(Event(customer_id=customer_id, action="customer.arrived", created_at=now))
    await message.answer(
        f"👋 Hello, {person.first_name}!\n<b>VPN</b>: a fast VPN for your phone and computer.\n\n"
        "Take the free trial: a working key in seconds, no card needed.",
        parse_mode="HTML",
        reply_markup=KEYBOARD,
    )


async def prepare(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def main() -> None:
    engine = create_async_engine(os.environ["RIVAL_DATABASE_URL"], pool_size=16, max_overflow=0)
    await prepare(engine)
    server = TelegramAPIServer.from_base(os.environ["TELEGRAM_API_BASE_URL"])
    bot = Bot(os.environ["TELEGRAM_BOT_TOKEN"], session=AiohttpSession(api=server))
    dispatcher = Dispatcher(sessions=async_sessionmaker(engine))
    dispatcher.include_router(router)
    await dispatcher.start_polling(bot, handle_signals=True)


if __name__ == "__main__":
    asyncio.run(main())
