// The clocks of the outside world, moved together.

import { h } from "./dom.js";
import { span, t } from "./i18n.js";
import { shown } from "./toast.js";
import { emit, view } from "./world.js";

const STEPS = [["hour", 3600], ["day", 86_400], ["week", 604_800]];

/** Draw the clock into `place`; it moves every stand-in of `doors`. */
export function showClock(place, doors) {
  const state = h("small", { class: "clock-state" });
  const look = async () => {
    const { offset } = await doors[0].clock();
    state.textContent = Math.abs(offset) < 1 ? t("now") : t("ahead", { span: span(offset) });
    view.offset = offset;
    emit("clock", offset);
  };
  const move = (change) => shown(async () => {
    await Promise.all(doors.map((door) => door.setClock(change)));
    await look();
  });
  place.append(h("div", { class: "buttons" },
    STEPS.map(([name, seconds]) => h("button", { type: "button", class: "small-button", onclick: move({ advance: seconds }) }, t(name)))),
  h("div", { class: "between clock-line" }, state,
    h("button", { type: "button", class: "text-button", onclick: move({ real: true }) }, t("realTime"))),
  h("p", { class: "hint" }, t("timeHint")));
  shown(look)();
}
