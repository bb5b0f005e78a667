// The provider's pay page, in a pane beside the phone whose button opened it.

import { h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";

let provider = null;
let pane = null;

/** Say where pay pages stand, and listen to them: the way back to the shop leads into the chat. */
export function expectPayPages(address) {
  provider = address ? new URL(address).origin : null;
  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== provider || source !== pane?.frame.contentWindow || data?.kind !== "yookassa.return") return;
    const { phone } = pane;
    close();
    phone.open(data.url);
  });
}

export function isPayPage(url) {
  try { return provider !== null && new URL(url).origin === provider; } catch { return false; }
}

/** Open a pay page beside `phone`; one that was open before makes room. */
export function openPayPage(phone, url) {
  close();
  const frame = h("iframe", { src: url, title: t("payPage") });
  const place = h("aside", { class: "pay-pane", "aria-label": t("payPage") },
    h("header", {}, icon("card"), h("b", {}, t("payPage")),
      h("a", { class: "icon-button", href: url, target: "_blank", rel: "noreferrer", title: t("newTab"), "aria-label": t("newTab") }, icon("link")),
      iconButton("close", t("close"), close)),
    frame);
  pane = { phone, frame, place };
  phone.place.after(place);
}

function close() {
  pane?.place.remove();
  pane = null;
}
