// Words of the page. The bot's own texts are the shop's business.

const ENGLISH = {
  title: "VPN shop sandbox", tagline: "the outside world in a box",
  admin: "Admin", shop: "Shop", docs: "Docs", panelPage: "Panel", inbounds: "Inbounds; in brackets where the core does not let it in", live: "live", offline: "reconnecting",
  theme: "Light or dark", otherLanguage: "Русский",
  customers: "Customers", chat: "Chat", world: "World", addCustomer: "Add a customer", search: "Search",
  noMessages: "No messages yet", photo: "Photo", you: "You", blockedBot: "blocked the bot", gone: "account deleted",
  firstName: "First name", lastName: "Last name", username: "Username", language: "Telegram's language",
  payload: "Opens the bot by a link with", payloadHint: "start payload, e.g. r_ABC123",
  optional: "optional", cancel: "Cancel", add: "Add", ok: "OK",
  bot: "bot", typing: "typing…", start: "Start", restart: "Restart the bot", message: "Message", send: "Send",
  commands: "Commands", noCommands: "The bot has set no commands", emptyChat: "What can this bot do?",
  emptyHint: "The bot has not introduced itself. Press Start and see.",
  noChat: "Choose a customer on the left", phoneN: "phone {n}",
  secondPhone: "Second phone", oneHandPhone: "Put the second phone away", block: "Block the bot", unblock: "Unblock the bot",
  clearHistory: "Delete the history", telegramIn: "Telegram in {name}", deactivate: "Delete the account", menu: "More", back: "Back",
  edited: "edited", tapToCopy: "Tap to copy", copied: "Copied", copyFailed: "The browser did not let us copy", today: "Today",
  noButton: "That button is gone", close: "Close",
  panels: "What the panels see", accounts: "accounts: {n}", noAccounts: "No accounts yet. They appear here the second the shop makes them.",
  answering: "answers", unplugged: "unplugged", unplug: "Unplug", unplugTelegram: "Unplug Telegram", unplugHint: "Pull the panel's cable: nothing answers until it is back",
  active: "active", disabled: "disabled", limited: "limit reached", expired: "expired", on_hold: "on hold", zombie: "not in the panel",
  expiresIn: "{span} left", expiredAgo: "ended {span} ago", never: "no end", of: "{used} of {limit}", unlimited: "{used}, no limit",
  flow: "Let 1 GB flow", forget: "Let the panel lose this account", copyLinks: "Copy the keys", connects: "The core lets it in", refused: "The core lets it in nowhere",
  payPage: "Pay page", newTab: "In a tab of its own", noPayments: "No payments yet. Buy a plan in the chat.", earlier: "and {n} earlier",
  booksPaid: "paid", booksRefunded: "refunded", booksHeld: "held", booksLeft: "left",
  pending: "waits", waiting_for_capture: "held", succeeded: "paid", canceled: "failed", refundOf: "refund", refundWaits: "waits", refundDone: "paid out", refundFailed: "failed",
  pay: "Pay", decline: "Decline", expire: "Time out", hold: "Hold", refund: "Refund", settle: "Pay it out", fail: "Let it fail",
  insufficient_funds: "Not enough money", general_decline: "No reason given", card_expired: "Card expired", issuer_unavailable: "The bank does not answer",
  notices: "Notices to the shop", noNotices: "The shop was told nothing yet.", redeliver: "Tell it again", tries: "tries: {n}",
  noticeWaiting: "not taken yet", noticeDelivered: "taken", noticeGivenUp: "given up", noticeDropped: "lost on the way", noticeUnsent: "no address",
  loseNotices: "Lose notices", doubleNotices: "Tell everything twice", lateNotices: "Notices come late", slowAnswers: "Answer slowly", refundsWait: "Refunds wait",
  trouble: "Trouble on demand", where: "Where", what: "What", which: "Which calls", howOften: "How often", allCalls: "all calls",
  everyCall: "every call", someCalls: "{n} in 10 calls", times1: "the next call", times5: "the next 5 calls", untilHealed: "until healed",
  seconds: "Seconds", status: "Status", makeTrouble: "Make trouble", heal: "Heal everything", fired: "Fired so far", noneFired: "No fault has fired yet.",
  refuse: "refuse the connection", error: "answer with an error", html: "answer with a web page", hang: "hang, then drop",
  lost: "do the work, lose the answer", duplicate: "do the work twice", delay: "answer late", rate_limit: "too many requests", outage: "cable pulled",
  timesLeft: "{n} left", healed: "Everything is healed",
  time: "Time", hour: "+1 hour", day: "+1 day", week: "+1 week", realTime: "Real time", ahead: "{span} ahead", now: "real time",
  timeHint: "Moves the clocks of Telegram, YooKassa and the panels. The shop keeps its own.",
  calls: "Calls received", all: "all", clear: "Clear", noCalls: "No calls yet.", dropped: "no answer",
  tour: "First steps", tourStart: "Open a chat and press Start", tourTrial: "Press the bot's buttons and take the free trial",
  tourPanel: "See the account appear on the panel", tourPhone: "Put a second phone beside it: both show the same chat",
  tourPay: "Buy a plan: the pay page opens beside the chat",
  tourOutage: "Pull the panel's cable, let another customer take a trial, plug it in again", tourDone: "You have seen the main story. Break something next.",
  hide: "Hide", d: "d", hr: "h", min: "min", s: "s", GB: "GB", MB: "MB", KB: "KB", B: "B",
};

const RUSSIAN = {
  title: "Песочница VPN-магазина", tagline: "внешний мир в коробке",
  admin: "Админка", shop: "Магазин", docs: "Документация", panelPage: "Панель", inbounds: "Подключения; в скобках те, куда ядро не пускает", live: "на связи", offline: "переподключение",
  theme: "Светлая или тёмная", otherLanguage: "English",
  customers: "Клиенты", chat: "Чат", world: "Мир", addCustomer: "Новый клиент", search: "Поиск",
  noMessages: "Сообщений пока нет", photo: "Фото", you: "Вы", blockedBot: "заблокировал бота", gone: "аккаунт удалён",
  firstName: "Имя", lastName: "Фамилия", username: "Имя пользователя", language: "Язык Telegram",
  payload: "Приходит по ссылке с меткой", payloadHint: "метка start, например r_ABC123",
  optional: "необязательно", cancel: "Отмена", add: "Добавить", ok: "OK",
  bot: "бот", typing: "печатает…", start: "Начать", restart: "Перезапустить бота", message: "Сообщение", send: "Отправить",
  commands: "Команды", noCommands: "Бот не задал команд", emptyChat: "Что умеет этот бот?",
  emptyHint: "Бот ещё не представился. Нажмите «Начать» и посмотрите.",
  noChat: "Выберите клиента слева", phoneN: "телефон {n}",
  secondPhone: "Второй телефон", oneHandPhone: "Убрать второй телефон", block: "Заблокировать бота", unblock: "Разблокировать бота",
  clearHistory: "Очистить историю", telegramIn: "Telegram: {name}", deactivate: "Удалить аккаунт", menu: "Ещё", back: "Назад",
  edited: "изменено", tapToCopy: "Нажмите, чтобы скопировать", copied: "Скопировано", copyFailed: "Браузер не дал скопировать", today: "Сегодня",
  noButton: "Этой кнопки уже нет", close: "Закрыть",
  panels: "Что видят панели", accounts: "{n} шт.", noAccounts: "Учётных записей нет. Они появятся здесь, как только их создаст магазин.",
  answering: "отвечает", unplugged: "кабель выдернут", unplug: "Отключить", unplugTelegram: "Отключить Telegram", unplugHint: "Выдернуть кабель: панель молчит, пока его не вернут",
  active: "активна", disabled: "выключена", limited: "лимит исчерпан", expired: "истекла", on_hold: "ждёт начала", zombie: "нет в панели",
  expiresIn: "ещё {span}", expiredAgo: "закончилась {span} назад", never: "бессрочно", of: "{used} из {limit}", unlimited: "{used}, без лимита",
  flow: "Пропустить 1 ГБ", forget: "Пусть панель потеряет эту запись", copyLinks: "Скопировать ключи", connects: "Ядро пускает", refused: "Ядро никуда не пускает",
  payPage: "Страница оплаты", newTab: "В отдельной вкладке", noPayments: "Платежей пока нет. Купите тариф в чате.", earlier: "и ещё {n} раньше",
  booksPaid: "оплачено", booksRefunded: "возвращено", booksHeld: "удержано", booksLeft: "осталось",
  pending: "ждёт оплаты", waiting_for_capture: "удержан", succeeded: "оплачен", canceled: "не прошёл", refundOf: "возврат", refundWaits: "ждёт", refundDone: "выплачен", refundFailed: "не прошёл",
  pay: "Оплатить", decline: "Отказать", expire: "Время вышло", hold: "Удержать", refund: "Вернуть", settle: "Выплатить", fail: "Не выплатить",
  insufficient_funds: "Недостаточно денег", general_decline: "Без объяснения", card_expired: "Карта просрочена", issuer_unavailable: "Банк не отвечает",
  notices: "Уведомления магазину", noNotices: "Магазину пока ничего не сообщали.", redeliver: "Сообщить ещё раз", tries: "попыток: {n}",
  noticeWaiting: "пока не принято", noticeDelivered: "принято", noticeGivenUp: "больше не пытаемся", noticeDropped: "потеряно в пути", noticeUnsent: "нет адреса",
  loseNotices: "Терять уведомления", doubleNotices: "Сообщать всё дважды", lateNotices: "Уведомления опаздывают", slowAnswers: "Отвечать медленно", refundsWait: "Возвраты ждут",
  trouble: "Неприятности по заказу", where: "Где", what: "Что", which: "Какие вызовы", howOften: "Как часто", allCalls: "все вызовы",
  everyCall: "каждый вызов", someCalls: "{n} из 10 вызовов", times1: "следующий вызов", times5: "следующие 5 вызовов", untilHealed: "пока не починят",
  seconds: "Секунд", status: "Код", makeTrouble: "Устроить", heal: "Починить всё", fired: "Сработало", noneFired: "Пока ничего не сработало.",
  refuse: "не принять соединение", error: "ответить ошибкой", html: "ответить веб-страницей", hang: "зависнуть и оборвать",
  lost: "сделать, но потерять ответ", duplicate: "сделать дважды", delay: "ответить поздно", rate_limit: "слишком много запросов", outage: "кабель выдернут",
  timesLeft: "осталось {n}", healed: "Всё починено",
  time: "Время", hour: "+1 час", day: "+1 день", week: "+1 неделя", realTime: "Настоящее время", ahead: "впереди на {span}", now: "настоящее время",
  timeHint: "Двигает часы Telegram, YooKassa и панелей. У магазина свои часы.",
  calls: "Полученные вызовы", all: "все", clear: "Очистить", noCalls: "Вызовов пока нет.", dropped: "без ответа",
  tour: "Первые шаги", tourStart: "Откройте чат и нажмите «Начать»", tourTrial: "Нажимайте кнопки бота и возьмите пробный период",
  tourPanel: "Посмотрите, как на панели появится учётная запись", tourPhone: "Поставьте рядом второй телефон: чат на них один",
  tourPay: "Купите тариф: страница оплаты откроется рядом с чатом",
  tourOutage: "Выдерните кабель панели, пусть другой клиент возьмёт пробный период, и верните кабель", tourDone: "Главное вы увидели. Теперь сломайте что-нибудь.",
  hide: "Скрыть", d: "д", hr: "ч", min: "мин", s: "с", GB: "ГБ", MB: "МБ", KB: "КБ", B: "Б",
};

export const language = localStorage.language ?? (navigator.language.startsWith("ru") ? "ru" : "en");
const words = language === "ru" ? RUSSIAN : ENGLISH;
document.documentElement.lang = language;

export function t(key, values = {}) {
  return (words[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function switchLanguage() {
  localStorage.language = language === "ru" ? "en" : "ru";
  location.reload();
}

/** A span in its two largest units: "6 d 23 h". */
export function span(seconds) {
  const units = [["d", 86400], ["hr", 3600], ["min", 60], ["s", 1]];
  let rest = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([, size]) => rest >= size);
  if (first === -1) return `0 ${t("s")}`;
  const parts = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    if (rest >= size) parts.push(`${Math.floor(rest / size)} ${t(name)}`);
    rest %= size;
  }
  return parts.join(" ");
}

/** Bytes as people read them; a gigabyte is 1024³ bytes, as panels count. */
export function bytes(count) {
  const power = Math.min(3, Math.max(0, Math.floor(Math.log2(Math.max(1, count)) / 10)));
  const value = count / 1024 ** power;
  return `${value.toLocaleString(language, { maximumFractionDigits: value < 10 && power ? 1 : 0 })} ${t(["B", "KB", "MB", "GB"][power])}`;
}

export function clockTime(unix) {
  return new Date(unix * 1000).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function dayName(unix, now) {
  const day = new Date(unix * 1000);
  if (day.toDateString() === new Date(now * 1000).toDateString()) return t("today");
  return day.toLocaleDateString(language, { day: "numeric", month: "long" });
}
