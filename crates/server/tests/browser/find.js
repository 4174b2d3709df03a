// Finds the first visible field with a name, and with a value where several share the name, as a
// person would; or gives null.
const [wanted, value] = arguments;
const visible = (element) => element.checkVisibility({ visibilityProperty: true });
const labelled = (element) => visible(element) || [...(element.labels || [])].some(visible);
const controls = "input:not([type=hidden]):not([type=submit]), select, textarea";
const named = [...document.querySelectorAll(controls)].filter(labelled)
  .filter((element) => element.name === wanted);
return named.find((element) => value === null || element.value === value) || null;
