// Copying the link. Everything else works without this file.
"use strict";

async function copy(text) {
    if (navigator.clipboard) {
        try {
            await navigator.clipboard.writeText(text);
            return true;
        } catch {
            // Refused, as some browsers inside apps do: the old way is left.
        }
    }
    const field = document.querySelector("[data-select]");
    field.focus();
    field.select();
    return document.execCommand("copy");
}

for (const button of document.querySelectorAll("[data-copy]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
        if (!(await copy(button.dataset.copy))) return;
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = label; }, 2000);
    });
}

for (const field of document.querySelectorAll("[data-select]")) {
    field.addEventListener("focus", () => field.select());
}
