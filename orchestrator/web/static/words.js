// How numbers are written on a page, as the server writes them; and cells of tables.

export function flops(value) {
  if (!(value > 0)) return "–";
  const [mantissa, exponent] = value.toExponential(2).split("e");
  const power = `10${String(Number(exponent)).replace(/./g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit] ?? "⁻")}`;
  const number = String(Number(mantissa));
  return number === "1" ? power : `${number}×${power}`;
}

export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [unit, name, smaller, smallerName] =
    whole < 3600 ? [60, "min", 1, "s"] : whole < 86400 ? [3600, "h", 60, "min"] : [86400, "d", 3600, "h"];
  const rest = Math.floor((whole % unit) / smaller);
  return `${Math.floor(whole / unit)} ${name}${rest ? ` ${rest} ${smallerName}` : ""}`;
}

export function count(value) {
  const rounded = Number(value.toPrecision(3));
  if (rounded >= 1e15) return flops(value);
  for (const [unit, suffix] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])
    if (rounded >= unit) return `${Number((rounded / unit).toPrecision(3))} ${suffix}`;
  return String(rounded);
}

/** A cell with a text or an element in it. */
export function cell(content, kind = "", tag = "td") {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.append(content);
  return made;
}

/** An element with a class and a text. */
export function element(tag, content, kind = "") {
  return cell(content, kind, tag);
}
