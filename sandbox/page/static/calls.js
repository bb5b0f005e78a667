// The raw log: what the shop asked of Telegram and the panels.

import { drawRows, h } from "./dom.js";
import { t } from "./i18n.js";
import { shown } from "./toast.js";

const SHOWN = 60;
const LOOK_EVERY_MS = 1_500;

function line({ target, call }) {
  const key = `${target.label} ${call.at} ${call.call}`;
  return { key, print: String(call.status), build: () => lineNode(target, call, key) };
}

function lineNode(target, call, key) {
  const tone = call.status === null ? "lost" : call.status < 400 ? "good" : "bad";
  const at = new Date(call.at * 1000).toLocaleTimeString("en-GB");
  return h("details", {}, h("summary", { dataset: { key } },
    h("time", {}, at), h("small", {}, target.label), h("code", {}, call.call), h("b", { class: tone }, call.status ?? t("dropped"))),
  h("pre", {}, JSON.stringify(call.parameters, null, 1)));
}

/** Draw the log into the <details> `section`; asks only while it is open. */
export function showCalls(section, targets) {
  const where = h("select", { "aria-label": t("where") }, h("option", { value: "" }, t("all")),
    targets.map((target, i) => h("option", { value: i }, target.label)));
  const list = h("div", { class: "calls" });
  const chosen = () => (where.value === "" ? targets : [targets[where.value]]);
  const look = async () => {
    const lists = await Promise.all(chosen().map(async (target) => (await target.door.calls(SHOWN)).map((call) => ({ target, call }))));
    const rows = lists.flat().filter(({ call }) => call.call !== "getUpdates").sort((a, b) => b.call.at - a.call.at).slice(0, SHOWN);
    drawRows(list, rows.map(line), h("p", { class: "nothing" }, t("noCalls")));
  };
  const clear = shown(async () => {
    for (const { door } of chosen()) await door.forgetCalls();
    await look();
  });
  const clearButton = h("button", { type: "button", class: "text-button", onclick: clear }, t("clear"));
  section.append(h("div", { class: "between" }, where, clearButton), list);
  where.addEventListener("change", shown(look));
  section.addEventListener("toggle", () => { if (section.open) look(); });
  setInterval(() => { if (section.open && !document.hidden) look().catch(() => undefined); }, LOOK_EVERY_MS);
}
