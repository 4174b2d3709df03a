// Finds one visible element as a person would, or gives null. `kind` says what is looked for:
// "press" is what can be pressed, by its words; "control" is a field, by its label; "field" is a
// field by its name, and by its value where several share the name.
const [kind, wanted, value] = arguments;
const tidy = (text) => (text || "").replace(/\s+/g, " ").trim();
const visible = (element) => element.checkVisibility({ visibilityProperty: true });
const labelled = (element) => visible(element) || [...(element.labels || [])].some(visible);
const controls = "input:not([type=hidden]):not([type=submit]), select, textarea";

function press() {
  const all = [...document.querySelectorAll("a[href], button, summary, input[type=submit]")];
  const named = all.filter(visible).map((element) => [
    element,
    tidy(element.getAttribute("aria-label") || element.innerText || element.value),
  ]);
  const exact = named.find(([, name]) => name === wanted);
  return (exact || named.find(([, name]) => name.startsWith(wanted)) || [null])[0];
}

function control() {
  const named = [...document.querySelectorAll(controls)].filter(labelled).map((element) => [
    element,
    [...(element.labels || [])].map((label) => tidy(label.textContent)),
  ]);
  const exact = named.find(([, names]) => names.includes(wanted));
  const begun = named.find(([, names]) => names.some((name) => name.startsWith(wanted)));
  return (exact || begun || [null])[0];
}

function field() {
  const all = [...document.querySelectorAll(controls)].filter(labelled);
  const named = all.filter((element) => element.name === wanted);
  return named.find((element) => value === null || element.value === value) || null;
}

return { press, control, field }[kind]();
