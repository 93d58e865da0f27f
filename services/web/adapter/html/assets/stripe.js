// Takes a card with the payment provider's own fields: its number never comes here.

/* global Stripe */
const form = document.querySelector("form[data-stripe]");
const next = document.querySelector("[data-next]");
const key = form?.dataset.stripe || next?.dataset.key;
const stripe = key && window.Stripe ? Stripe(key, { locale: document.documentElement.lang }) : null;

if (form && stripe) {
  const field = form.elements.namedItem("card");
  const problem = document.querySelector("[data-card-error]");
  const card = stripe.elements().create("card", { hidePostalCode: true });
  card.mount("#card-field");
  form.addEventListener("submit", async (e) => {
    if (field.value) return;
    e.preventDefault();
    e.stopImmediatePropagation();
    const { token, error } = await stripe.createToken(card);
    problem.hidden = !error;
    problem.textContent = error ? error.message : "";
    if (!token) return;
    field.value = token.id;
    form.requestSubmit();
  }, true);
}

next?.addEventListener("click", async () => {
  if (!stripe) return;
  next.disabled = true;
  await stripe.handleNextAction({ clientSecret: next.dataset.next });
  location.assign(next.dataset.return);
});
