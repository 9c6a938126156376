// Redis is away: this page asks again by itself.
const shown = document.querySelector("[data-retry-left]");
let left = Number(document.body.dataset.retry) || 3;
setInterval(() => {
  left -= 1;
  if (left <= 0) location.reload();
  else shown.textContent = String(left);
}, 1000);
