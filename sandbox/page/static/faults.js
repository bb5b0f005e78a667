// Trouble on demand, for Telegram, YooKassa and each panel, and how much of it happened.

import { coalesce, h, icon } from "./dom.js";
import { t } from "./i18n.js";
import { shown, toast } from "./toast.js";
import { emit, on } from "./world.js";

const KINDS = ["refuse", "error", "html", "hang", "lost", "duplicate", "delay", "rate_limit"];
const DETAILS = {
  hang: { seconds: 30 }, delay: { seconds: 3 }, rate_limit: { retry_after: 5 }, error: { status: 500 },
};
const CALLS = {
  telegram: ["sendMessage", "editMessage*", "answerCallbackQuery", "sendPhoto", "getUpdates"],
  yookassa: ["POST /v3/payments", "GET /v3/payments/*", "GET /v3/payments", "POST /v3/refunds", "GET /v3/refunds/*"],
  marzban: ["POST /api/user", "PUT /api/user/*", "GET /api/user/*", "GET /api/system", "POST /api/admin/token"],
  xui: ["POST /login", "POST /panel/api/inbounds/*", "POST /panel/api/clients/*", "GET /panel/api/inbounds/list", "GET /panel/api/server/status"],
};
const LOOK_EVERY_MS = 5_000;

function options(pairs) {
  return pairs.map(([value, label]) => h("option", { value }, label));
}

function readRule(form) {
  const { call, kind, often, amount } = Object.fromEntries(new FormData(form));
  const [field] = Object.keys(DETAILS[kind] ?? {});
  return {
    call, kind,
    times: { once: 1, five: 5 }[often] ?? null,
    probability: { tenth: 0.1, half: 0.5 }[often] ?? 1,
    ...(field ? { [field]: Number(amount) } : {}),
  };
}

function troubleForm(targets, changed) {
  const where = h("select", { name: "where" }, options(targets.map((target, i) => [i, target.label])));
  const calls = h("select", { name: "call" });
  const kind = h("select", { name: "kind" }, options(KINDS.map((each) => [each, t(each)])));
  const amount = h("input", { name: "amount", type: "number", min: "0", step: "any" });
  const amountName = h("span");
  const amountLabel = h("label", {}, amountName, amount);
  const often = h("select", { name: "often" }, options([
    ["once", t("times1")], ["five", t("times5")], ["always", `${t("everyCall")}, ${t("untilHealed")}`],
    ["half", t("someCalls", { n: 5 })], ["tenth", t("someCalls", { n: 1 })]]));
  const suit = () => {
    calls.replaceChildren(...options([["*", t("allCalls")], ...CALLS[targets[where.value].kind].map((call) => [call, call])]));
  };
  const detail = () => {
    const [[name, value] = []] = Object.entries(DETAILS[kind.value] ?? {});
    amountLabel.hidden = name === undefined;
    amountName.textContent = t(name === "status" ? "status" : "seconds");
    amount.value = value ?? "";
  };
  where.addEventListener("change", suit);
  kind.addEventListener("change", detail);
  suit();
  detail();
  const form = h("form", { class: "trouble-form", onsubmit: shown(async (event) => {
    event.preventDefault();
    await targets[where.value].door.fail(readRule(form));
    changed();
  }) },
  h("label", {}, h("span", {}, t("where")), where), h("label", {}, h("span", {}, t("which")), calls),
  h("label", { class: "wide" }, h("span", {}, t("what")), kind), h("label", {}, h("span", {}, t("howOften")), often), amountLabel,
  h("button", { type: "submit", class: "button" }, icon("warn"), t("makeTrouble")));
  return form;
}

function ruleLine(target, rule) {
  const share = rule.probability < 1 ? t("someCalls", { n: Math.round(rule.probability * 10) }) : t("untilHealed");
  const left = rule.times === null ? share : t("timesLeft", { n: rule.times });
  return h("li", {}, h("b", {}, target.label), " ", t(rule.kind), " ", h("code", {}, rule.call), " ", h("small", {}, left));
}

function counters(states) {
  const rows = states.flatMap(({ target, state }) => Object.entries(state.fired).map(([kind, count]) =>
    h("li", {}, h("b", { class: "number" }, count), ` ${t(kind)}`, h("small", {}, ` ${target.label}`))));
  return rows.length ? h("ul", { class: "fired" }, rows) : h("p", { class: "nothing" }, t("noneFired"));
}

/** Draw the trouble maker into `place`. `targets` are {label, kind: "telegram" | "yookassa" | a panel's, door}, Telegram first. */
export function showFaults(place, targets) {
  const rules = h("ul", { class: "rules" });
  const fired = h("div");
  const cable = h("input", { type: "checkbox", role: "switch", onchange: shown(async () => {
    await targets[0].door.outage(cable.checked);
    await look();
  }) });
  const look = coalesce(async () => {
    const states = await Promise.all(targets.map(async (target) => ({ target, state: await target.door.faults() })));
    rules.replaceChildren(...states.flatMap(({ target, state }) => state.rules.map((rule) => ruleLine(target, rule))));
    fired.replaceChildren(counters(states));
    cable.checked = states[0].state.down;
    emit("trouble", states.some(({ state }) => state.rules.length || state.down));
  });
  const healAll = shown(async () => {
    for (const { door } of targets) { await door.heal(); await door.outage(false); }
    toast(t("healed"));
    await look();
    emit("panel", null);
    emit("payments");
  });
  const healButton = h("button", { type: "button", class: "text-button", onclick: healAll }, t("heal"));
  place.append(troubleForm(targets, look), h("label", { class: "switch" }, icon("plug"), t("unplugTelegram"), cable), rules,
    h("div", { class: "between" }, h("b", {}, t("fired")), healButton), fired);
  on("faults", look);
  setInterval(() => { if (!document.hidden) look().catch(() => undefined); }, LOOK_EVERY_MS);
  look();
}
