// Short notices, dialogs and the clipboard.

import { Refused } from "./api.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";

const TOAST_MS = 2600;

/** A line that fades by itself, inside `place` (a phone) or over the whole page. */
export function toast(text, place = document.getElementById("notices")) {
  const line = h("div", { class: "toast", role: "status" }, text);
  place.append(line);
  setTimeout(() => line.classList.add("leaving"), TOAST_MS);
  setTimeout(() => line.remove(), TOAST_MS + 400);
}

/** A dialog that must be confirmed, inside a phone: what answerCallbackQuery shows with show_alert. */
export function alertIn(place, title, text) {
  const shade = h("div", { class: "shade" });
  const close = () => shade.remove();
  const ok = h("button", { type: "button", class: "text-button", onclick: close }, t("ok"));
  shade.append(h("div", { class: "alert", role: "alertdialog", "aria-label": title },
    h("b", {}, title), h("p", {}, text), h("div", { class: "dialog-buttons" }, ok)));
  shade.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  place.append(shade);
  ok.focus();
}

export async function copy(text, place) {
  toast(await copied(text) ? t("copied") : t("copyFailed"), place);
}

async function copied(text) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(text); return true; } catch { /* Refused without focus or over plain HTTP. */ }
  }
  const field = h("textarea", { class: "off-screen" }, text);
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** Wrap a door of the page: what a stand-in refuses is shown instead of lost in the console. */
export function shown(work) {
  return async (...args) => {
    try {
      return await work(...args);
    } catch (error) {
      if (!(error instanceof Refused) && !(error instanceof TypeError)) throw error;
      toast(error.message);
      return undefined;
    }
  };
}

/** Open a menu of [icon, label, action] below a button; closes by itself. */
export function menu(anchor, items) {
  const item = ([sign, label, action, danger]) => {
    const choose = () => { close(); action(); };
    return h("button", { type: "button", role: "menuitem", class: danger ? "danger" : null, onclick: choose }, sign, label);
  };
  const list = h("div", { class: "menu", role: "menu" }, items.filter(Boolean).map(item));
  const close = () => { list.remove(); document.removeEventListener("pointerdown", outside, true); anchor.focus(); };
  const outside = (event) => { if (!list.contains(event.target)) close(); };
  list.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") close();
    if (step) buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  });
  anchor.parentElement.append(list);
  document.addEventListener("pointerdown", outside, true);
  list.querySelector("button")?.focus();
}

/** Show a picture large. */
export function lightbox(url) {
  const dialog = h("dialog", { class: "lightbox", onclick: () => dialog.close(), onclose: () => dialog.remove() },
    h("img", { src: url, alt: t("photo") }));
  document.body.append(dialog);
  dialog.showModal();
}
