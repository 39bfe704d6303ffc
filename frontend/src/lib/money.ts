/** US dollars as text: cents, and down to a thousandth of a cent for what costs less than a dollar. */
export function formatUsd(dollars: number): string {
  const digits = dollars !== 0 && Math.abs(dollars) < 1 ? 5 : 2;
  return `$${dollars.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}
