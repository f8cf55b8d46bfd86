/**
 * Exact small linear algebra on Float64Array. A symmetric or lower-triangular d x d matrix is packed: row i holds its
 * i + 1 elements from index i (i + 1) / 2 on, so that every loop below runs over contiguous memory.
 * Nothing here allocates and nothing approximates; callers own the scratch space.
 */

/** Elements of a packed d x d matrix. */
export const packedLength = (d: number): number => (d * (d + 1)) / 2

/** matrix += weight x xᵀ; a negative weight takes it out again. */
export function addOuter(matrix: Float64Array, x: Float64Array, weight: number): void {
  let k = 0
  for (let i = 0; i < x.length; i++) {
    const scaled = weight * x[i]
    for (let j = 0; j <= i; j++) matrix[k++] += scaled * x[j]
  }
}

/** into += weight x. */
export function addScaled(into: Float64Array, x: Float64Array, weight: number): void {
  for (let i = 0; i < x.length; i++) into[i] += weight * x[i]
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < b.length; i++) sum += a[i] * b[i]
  return sum
}

/**
 * Cholesky factor L with L Lᵀ = scale matrix + ridge I, row by row (Cholesky-Banachiewicz).
 * @returns false when that matrix is not positive definite; `factor` is then garbage.
 */
export function cholesky(matrix: Float64Array, d: number, scale: number, ridge: number, factor: Float64Array): boolean {
  for (let i = 0, rowI = 0; i < d; rowI += ++i) {
    for (let j = 0, rowJ = 0; j <= i; rowJ += ++j) {
      let sum = scale * matrix[rowI + j]
      for (let k = 0; k < j; k++) sum -= factor[rowI + k] * factor[rowJ + k]
      if (j < i) factor[rowI + j] = sum / factor[rowJ + j]
      else {
        const pivot = sum + ridge
        if (!(pivot > 0) || pivot === Number.POSITIVE_INFINITY) return false
        factor[rowI + i] = Math.sqrt(pivot)
      }
    }
  }
  return true
}

/** out = L⁻¹ x. `out` may be `x`. */
export function solveLower(factor: Float64Array, x: Float64Array, out: Float64Array): void {
  for (let i = 0, row = 0; i < x.length; row += ++i) {
    let sum = x[i]
    for (let j = 0; j < i; j++) sum -= factor[row + j] * out[j]
    out[i] = sum / factor[row + i]
  }
}

/** out = L⁻ᵀ x. `out` may be `x`. */
export function solveUpper(factor: Float64Array, x: Float64Array, out: Float64Array): void {
  const d = x.length
  if (out !== x) out.set(x)
  for (let i = d - 1, row = packedLength(d - 1); i >= 0; row -= i--) {
    const value = out[i] / factor[row + i]
    out[i] = value
    for (let j = 0; j < i; j++) out[j] -= factor[row + j] * value
  }
}

/**
 * The factor of L Lᵀ + sign x xᵀ in place (Golub & Van Loan, Matrix Computations 4th ed., 6.5.4); `x` is destroyed.
 * @param sign 1: update; -1: downdate
 * @returns false when the downdated matrix is not positive definite; the factor is then garbage.
 */
export function updateCholesky(factor: Float64Array, x: Float64Array, sign: 1 | -1): boolean {
  const d = x.length
  for (let k = 0, rowK = 0; k < d; rowK += ++k) {
    const diagonal = factor[rowK + k]
    const square = diagonal * diagonal + sign * x[k] * x[k]
    if (!(square > 0)) return false
    const r = Math.sqrt(square)
    const c = r / diagonal
    const s = x[k] / diagonal
    factor[rowK + k] = r
    for (let i = k + 1, at = rowK + k + k + 1; i < d; at += ++i) {
      factor[at] = (factor[at] + sign * s * x[i]) / c
      x[i] = c * x[i] - s * factor[at]
    }
  }
  return true
}
