/** What is kept by row stands in one table, so that it is found by one read; what is never written takes up no memory. */

/** @param each numbers of a row @returns a table in which there is room for all of the rows, the same one where there was */
export function withRoom<T extends Float64Array | Int32Array>(table: T, rows: ArrayLike<number>, each = 1): T {
  let largest = -1
  for (let k = 0; k < rows.length; k++) if (rows[k] > largest) largest = rows[k]
  if (each * (largest + 1) <= table.length) return table
  const longer = new (table.constructor as new (length: number) => T)(2 * each * (largest + 1))
  longer.set(table)
  return longer
}
