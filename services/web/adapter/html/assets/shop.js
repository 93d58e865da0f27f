// What makes the shop's pages more comfortable. Each of them works without.

// Dates and amounts are written as on the server.
const locale = document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang;
const all = (selector, from = document) => [...from.querySelectorAll(selector)];

// Times in the visitor's own zone, where that is another.
for (const at of all("[data-local]")) {
  const when = new Date(at.dataset.local);
  const theirs = -when.getTimezoneOffset();
  const [, sign, hours, minutes] = /([+-])(\d\d):(\d\d)/.exec(at.dataset.offset) ?? [];
  if (!sign || theirs === (sign === "-" ? -1 : 1) * (60 * hours + 1 * minutes)) continue;
  const text = new Intl.DateTimeFormat(locale, { weekday: "short", hour: "2-digit", minute: "2-digit" }).format(when);
  at.textContent = at.dataset.text.replace("{}", text);
  at.hidden = false;
}

// A form is sent once. Coming back to the page makes it new.
const sent = new Set();
for (const form of all("form[data-single]")) {
  form.addEventListener("submit", (e) => {
    if (e.defaultPrevented) return;
    if (sent.has(form)) return e.preventDefault();
    sent.add(form);
    for (const b of all("button", form).concat(all(`button[form="${form.id}"]`))) b.setAttribute("aria-disabled", "true");
  });
}
addEventListener("pageshow", () => {
  sent.clear();
  for (const b of all("button[aria-disabled]")) b.removeAttribute("aria-disabled");
});

// Buttons beside the numbers of tickets, and the total.
const total = document.querySelector("[data-total]");
const before = total?.textContent;
const counts = all("[data-stepper] input");

function sum() {
  let minor = 0, tickets = 0;
  for (const input of counts) {
    const n = Math.min(Math.max(Math.trunc(input.valueAsNumber) || 0, 0), +input.max);
    tickets += n;
    minor += n * input.dataset.price;
  }
  return { minor, tickets };
}

function show() {
  for (const input of counts) {
    const [less, more] = all("button", input.parentElement);
    if (!less) continue;
    less.disabled = (input.valueAsNumber || 0) <= 0;
    more.disabled = (input.valueAsNumber || 0) >= +input.max;
  }
  if (!total) return;
  const { minor, tickets } = sum();
  const { money, digits, free } = total.dataset;
  total.textContent = !tickets ? before : !minor ? free : money.replace("{}", new Intl.NumberFormat(locale, { minimumFractionDigits: +digits, maximumFractionDigits: +digits }).format(minor / 10 ** digits));
}

for (const input of counts) {
  const box = input.parentElement;
  const button = (text, label, by) => {
    const b = document.createElement("button");
    b.type = "button";
    b.textContent = text;
    b.setAttribute("aria-label", label);
    b.addEventListener("click", () => {
      input.value = Math.min(Math.max((input.valueAsNumber || 0) + by, 0), +input.max);
      show();
    });
    return b;
  };
  input.before(button("−", box.dataset.less, -1));
  input.after(button("+", box.dataset.more, 1));
  box.classList.add("with");
  input.addEventListener("input", show);
}
if (counts.length) {
  show();
  addEventListener("pageshow", show);
  document.getElementById("book")?.addEventListener("submit", (e) => {
    if (sum().tickets) return;
    e.preventDefault();
    document.getElementById("tickets").scrollIntoView();
    counts[0].focus({ preventScroll: true });
  }, true);
}

// The time that is left to pay, by this device's clock, not by its time of day.
const clock = document.querySelector("[data-clock]");
if (clock) {
  const end = performance.now() + 1000 * clock.dataset.left;
  const face = clock.querySelector("[data-face]");
  const said = clock.querySelector("[data-said]");
  const plain = clock.querySelector("[data-static]");
  if (plain) [plain.hidden, face.hidden] = [true, false];
  const tick = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000));
    face.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    clock.classList.toggle("clock-late", left <= 120);
    if (left <= 120 && !said.textContent) said.textContent = clock.dataset.soon;
    if (left > 0) setTimeout(tick, 500);
    else location.replace(location.pathname);
  };
  tick();
}

// A page that waits looks again, until there is something else to see.
const waiting = document.querySelector("[data-again]");
const look = async () => {
  try {
    const answer = await fetch(waiting.dataset.again);
    if (!(await answer.text()).includes("data-again")) return location.replace(answer.url);
  } catch {
    // The network is away; it comes back.
  }
  setTimeout(look, 2000);
};
if (waiting) setTimeout(look, 2000);
