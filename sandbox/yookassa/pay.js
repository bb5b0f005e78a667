// Inside a frame the payer's way back is the outer page's business.
for (const link of document.querySelectorAll("a[data-return]")) link.addEventListener("click", (event) => {
  if (window.parent === window) return;
  event.preventDefault();
  window.parent.postMessage({kind: "yookassa.return", url: link.href, payment: link.dataset.return}, "*");
});
