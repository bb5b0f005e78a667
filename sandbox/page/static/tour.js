// First steps for a newcomer; each is ticked by doing it.

import { h, icon, iconButton } from "./dom.js";
import { t } from "./i18n.js";
import { on, transcript, users, view } from "./world.js";

const STEPS = ["tourStart", "tourTrial", "tourPanel", "tourPay", "tourPhone", "tourOutage"];

/** Draw the list into `place` until the newcomer hides it. */
export function showTour(place) {
  const done = new Set(JSON.parse(localStorage.tour ?? "[]"));
  const draw = () => {
    place.hidden = localStorage.tourHidden === "yes";
    const next = STEPS.find((step) => !done.has(step));
    const hide = () => { localStorage.tourHidden = "yes"; draw(); };
    place.replaceChildren(h("header", { class: "between" }, h("h2", {}, t("tour")), iconButton("close", t("hide"), hide)),
      h("ol", {}, STEPS.map((step) => h("li", { class: done.has(step) ? "done" : step === next ? "next" : null },
        h("i", {}, done.has(step) ? icon("check") : null), t(step)))),
      next ? "" : h("p", {}, t("tourDone")));
  };
  const tick = (step) => {
    if (done.has(step)) return;
    done.add(step);
    localStorage.tour = JSON.stringify([...done]);
    draw();
  };
  on("chat", () => { if ([...users.keys()].some((id) => transcript(id).length)) tick("tourStart"); });
  on("accounts", () => { tick("tourTrial"); tick("tourPanel"); });
  on("yookassa.payment", (event) => { if (event.status === "succeeded") tick("tourPay"); });
  on("view", () => { if (view.phones > 1) tick("tourPhone"); });
  on("outage", () => tick("tourOutage"));
  draw();
}
