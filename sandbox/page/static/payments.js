// The payment provider from the inside: its books, what it told the shop, and its knobs.

import { yookassa } from "./api.js";
import { coalesce, drawRows, h, icon, iconButton } from "./dom.js";
import { clockTime, language, t } from "./i18n.js";
import { menu, shown } from "./toast.js";
import { emit, on } from "./world.js";

const PAYMENTS_SHOWN = 12;
const NOTICES_SHOWN = 15;
const PAUSE_MS = 300;
const SLOW_SECONDS = 6;
const LATE_SECONDS = 20;
const REASONS = ["insufficient_funds", "general_decline", "card_expired", "issuer_unavailable"];
const TOTALS = { paid: "booksPaid", refunded: "booksRefunded", held: "booksHeld", left: "booksLeft" };
const STATES = { waiting: "noticeWaiting", delivered: "noticeDelivered", given_up: "noticeGivenUp", dropped: "noticeDropped", unsent: "noticeUnsent" };
const REFUND_STATES = { pending: "refundWaits", succeeded: "refundDone", canceled: "refundFailed" };
// What can happen to a payment in each state.
const ACTS = { "pending": ["pay", "decline", "expire", "hold"], "waiting_for_capture": ["expire"], "succeeded": ["refund"], "canceled": [] };
const SWITCHES = [
  ["loseNotices", { drop: 1 }, { drop: 0 }],
  ["doubleNotices", { duplicate: 1 }, { duplicate: 0 }],
  ["lateNotices", { delay: LATE_SECONDS }, { delay: 0 }],
  ["refundsWait", { refund: "pending" }, { refund: "succeeded" }],
];

const amount = ({ value, currency }) => `${language === "ru" ? value.replace(".", ",") : value} ${currency === "RUB" ? "₽" : currency}`;
const at = (moment) => clockTime(typeof moment === "number" ? moment : Date.parse(moment) / 1000);

class Provider {
  constructor(place) {
    this.light = h("i", { class: "light" });
    this.state = h("small", {});
    this.plug = this.toggle(t("unplugHint"), (down) => yookassa.outage(down));
    this.totals = h("ul", { class: "totals" });
    this.list = h("div", { class: "payments" });
    this.rest = h("small", {});
    this.notices = h("ul", { class: "notices" });
    this.slow = this.toggle(t("slowAnswers"), (slow) => (slow ? yookassa.fail({ kind: "delay", call: "*", seconds: SLOW_SECONDS }) : yookassa.heal()));
    this.knobs = SWITCHES.map(([name, turned, back]) => this.toggle(t(name), (is) => yookassa.turn(is ? turned : back)));
    const line = (label, box) => h("label", { class: "switch" }, h("span", {}, label), box);
    this.node = h("div", { class: "panel" },
      h("header", {}, this.light, this.state, h("label", { class: "switch", title: t("unplugHint") }, icon("plug"), h("span", {}, t("unplug")), this.plug)),
      this.totals, this.list, this.rest,
      h("details", { class: "inner" }, h("summary", {}, t("notices")), this.notices),
      h("div", { class: "switches" }, SWITCHES.map(([name], i) => line(t(name), this.knobs[i])), line(t("slowAnswers"), this.slow)));
    place.append(this.node);
    this.look = coalesce(() => this.fetch());
  }

  toggle(label, change) {
    const box = h("input", { type: "checkbox", role: "switch", "aria-label": label, onchange: shown(async () => {
      await change(box.checked);
      await this.look();
      emit("faults");
    }) });
    return box;
  }

  async fetch() {
    const [books, payments, deliveries, knobs, faults] = await Promise.all(
      [yookassa.books(), yookassa.payments(), yookassa.deliveries(), yookassa.settings(), yookassa.faults()]);
    this.plug.checked = faults.down;
    this.slow.checked = faults.rules.some(({ kind, call }) => kind === "delay" && call === "*");
    SWITCHES.forEach(([, turned], i) => { this.knobs[i].checked = Object.entries(turned).every(([name, value]) => knobs[name] === value); });
    this.node.classList.toggle("down", faults.down);
    this.state.textContent = t(faults.down ? "unplugged" : "answering");
    this.totals.replaceChildren(...Object.entries(TOTALS).map(([name, word]) => h("li", {}, h("small", {}, t(word)), h("b", {}, amount(books.totals[name])))));
    const newest = payments.reverse();
    const refundsOf = ({ id }) => books.refunds.filter((refund) => refund.payment_id === id);
    drawRows(this.list, newest.slice(0, PAYMENTS_SHOWN).map((payment) => this.row(payment, refundsOf(payment))),
      h("p", { class: "nothing" }, t("noPayments")));
    this.rest.textContent = newest.length > PAYMENTS_SHOWN ? t("earlier", { n: newest.length - PAYMENTS_SHOWN }) : "";
    drawRows(this.notices, deliveries.reverse().slice(0, NOTICES_SHOWN).map((each) => this.notice(each)), h("p", { class: "nothing" }, t("noNotices")));
  }

  row(payment, refunds) {
    const build = (known) => this.payment(payment, refunds, known);
    return { key: payment.id, print: JSON.stringify([payment.status, payment.refundable, payment.refunded_amount, refunds]), build };
  }

  payment(payment, refunds, known) {
    const acts = ACTS[payment.status].filter((act) => act !== "refund" || payment.refundable);
    const why = payment.cancellation_details?.reason;
    return h("div", { class: known ? "account changed" : "account", dataset: { payment: payment.id } },
      h("span", {}, h("b", {}, amount(payment.amount)), h("span", { class: "chip", dataset: { status: payment.status } }, t(payment.status)),
        h("small", { class: "ends" }, at(payment.created_at))),
      h("small", { class: "about", title: payment.id }, [payment.description, why].filter(Boolean).join(" · ")),
      refunds.map((refund) => this.refund(refund)),
      acts.length ? h("span", { class: "acts" }, acts.map((act) => this.button(act, payment))) : null);
  }

  button(act, payment) {
    const wish = { payment_id: payment.id };
    const run = act === "decline"
      ? (event) => menu(event.currentTarget, REASONS.map((reason) => [null, t(reason), this.does(() => yookassa.act(act, { ...wish, reason }))]))
      : this.does(() => yookassa.act(act, wish));
    return h("button", { type: "button", class: "small-button", dataset: { key: `${act}:${payment.id}` }, onclick: run }, t(act));
  }

  refund(refund) {
    const settle = (status, word) => h("button", { type: "button", class: "small-button", onclick: this.does(() =>
      yookassa.act("settle_refund", { refund_id: refund.id, status })) }, t(word));
    const open = refund.status === "pending";
    return h("span", { class: "refund" }, icon("back"), h("small", {}, `${t("refundOf")} ${amount(refund.amount)}`),
      h("span", { class: "chip", dataset: { status: refund.status } }, t(REFUND_STATES[refund.status])),
      open ? [settle("succeeded", "settle"), settle("canceled", "fail")] : null);
  }

  notice(delivery) {
    const last = delivery.tries.at(-1);
    const wish = { event: delivery.event, [delivery.event.startsWith("refund.") ? "refund_id" : "payment_id"]: delivery.object_id };
    const tone = { delivered: "good", waiting: "lost" }[delivery.state] ?? "bad";
    const build = () => h("li", {}, h("time", {}, at(delivery.at)), h("code", { title: delivery.object_id }, delivery.event),
      h("small", { class: tone, title: last?.error ?? last?.status ?? "" }, t(STATES[delivery.state]),
        delivery.tries.length > 1 ? ` · ${t("tries", { n: delivery.tries.length })}` : ""),
      iconButton("again", t("redeliver"), this.does(() => yookassa.act("redeliver", wish)), { dataset: { key: `again:${delivery.number}` } }));
    return { key: String(delivery.number), print: JSON.stringify([delivery.state, delivery.tries.length]), build };
  }

  does(work) {
    return shown(async () => {
      await work();
      await this.look();
    });
  }
}

/** Draw the provider into `place`; it looks again when something happened, a few times a second at most. */
export function showPayments(place) {
  const provider = new Provider(place);
  let waits = false;
  const look = () => {
    if (waits) return;
    waits = true;
    setTimeout(() => { waits = false; provider.look().catch(() => undefined); }, PAUSE_MS);
  };
  on("payments", look);
  on("clock", look);
  on("faults", look);
}
