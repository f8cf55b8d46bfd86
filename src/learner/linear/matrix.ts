/**
 * Exact small linear algebra on Float64Array. A symmetric or lower-triangular d x d matrix is packed: row i holds its
 * i + 1 elements from index i (i + 1) / 2 on, so that every loop below runs over contiguous memory.
 * Nothing here allocates and nothing approximates; callers own the scratch space.
 */

/** Elements of a packed d x d matrix. */
export const packedLength = (d: number): number => (d * (d + 1)) / 2

/** matrix += weight x xᵀ; a negative weight takes it out again. Rows of zeros cost nothing: hashed contexts are sparse. */
export function addOuter(matrix: Float64Array, x: Float64Array, weight: number): void {
  for (let i = 0, row = 0; i < x.length; row += ++i) {
    const scaled = weight * x[i]
    if (scaled === 0) continue
    for (let j = 0; j <= i; j++) matrix[row + j] += scaled * x[j]
  }
}

/** into += weight x. */
export function addScaled(into: Float64Array, x: Float64Array, weight: number): void {
  for (let i = 0; i < x.length; i++) into[i] += weight * x[i]
}

export const dot = (a: Float64Array, b: Float64Array): number => dotAt(a, 0, b, 0, b.length)

/** Σ a[ai + k] b[bi + k] for k < length, in four sums: one alone would wait for each addition before the next. */
export function dotAt(a: Float64Array, ai: number, b: Float64Array, bi: number, length: number): number {
  let s0 = 0
  let s1 = 0
  let s2 = 0
  let s3 = 0
  let k = 0
  for (const end = length - 3; k < end; k += 4) {
    s0 += a[ai + k] * b[bi + k]
    s1 += a[ai + k + 1] * b[bi + k + 1]
    s2 += a[ai + k + 2] * b[bi + k + 2]
    s3 += a[ai + k + 3] * b[bi + k + 3]
  }
  for (; k < length; k++) s0 += a[ai + k] * b[bi + k]
  return s0 + s1 + (s2 + s3)
}

/**
 * Cholesky factor L with L Lᵀ = scale matrix + ridge I, row by row (Cholesky-Banachiewicz).
 * @param ridge one number, or one a row
 * @returns false when that matrix is not positive definite; `factor` is then garbage.
 */
export function cholesky(
  matrix: Float64Array,
  d: number,
  scale: number,
  ridge: number | Float64Array,
  factor: Float64Array,
): boolean {
  for (let i = 0, rowI = 0; i < d; rowI += ++i) {
    for (let j = 0, rowJ = 0; j <= i; rowJ += ++j) {
      const sum = scale * matrix[rowI + j] - dotAt(factor, rowI, factor, rowJ, j)
      if (j < i) factor[rowI + j] = sum / factor[rowJ + j]
      else {
        const pivot = sum + (typeof ridge === 'number' ? ridge : ridge[i])
        if (!(pivot > 0) || pivot === Number.POSITIVE_INFINITY) return false
        factor[rowI + i] = Math.sqrt(pivot)
      }
    }
  }
  return true
}

/** out = L⁻¹ x. `out` may be `x`. Four rows at a time, so that four sums run side by side over what is solved already. */
export function solveLower(factor: Float64Array, x: Float64Array, out: Float64Array): void {
  const d = x.length
  let i = 0
  for (; i + 3 < d; i += 4) {
    const r0 = packedLength(i)
    const r1 = r0 + i + 1
    const r2 = r1 + i + 2
    const r3 = r2 + i + 3
    let s0 = x[i]
    let s1 = x[i + 1]
    let s2 = x[i + 2]
    let s3 = x[i + 3]
    for (let j = 0; j < i; j++) {
      const value = out[j]
      s0 -= factor[r0 + j] * value
      s1 -= factor[r1 + j] * value
      s2 -= factor[r2 + j] * value
      s3 -= factor[r3 + j] * value
    }
    s0 /= factor[r0 + i]
    s1 = (s1 - factor[r1 + i] * s0) / factor[r1 + i + 1]
    s2 = (s2 - factor[r2 + i] * s0 - factor[r2 + i + 1] * s1) / factor[r2 + i + 2]
    s3 = (s3 - factor[r3 + i] * s0 - factor[r3 + i + 1] * s1 - factor[r3 + i + 2] * s2) / factor[r3 + i + 3]
    out[i] = s0
    out[i + 1] = s1
    out[i + 2] = s2
    out[i + 3] = s3
  }
  for (; i < d; i++) out[i] = (x[i] - dotAt(factor, packedLength(i), out, 0, i)) / factor[packedLength(i) + i]
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
 * The factor of L Lᵀ + sign x xᵀ in place (Golub & Van Loan, Matrix Computations 4th ed., 6.5.4), row by row: the
 * rotations of the columns before are kept, so that memory is read in order. `x` is destroyed.
 * @param sign 1: update; -1: downdate
 * @returns false when the downdated matrix is not positive definite; the factor is then garbage.
 */
export function updateCholesky(factor: Float64Array, x: Float64Array, sign: 1 | -1): boolean {
  const d = x.length
  // rotation of column k: L' = a L + b rest, rest' = rest - c L with the old L
  const a = new Float64Array(d)
  const b = new Float64Array(d)
  const c = new Float64Array(d)
  for (let i = 0, row = 0; i < d; row += ++i) {
    let rest = x[i]
    for (let k = 0; k < i; k++) {
      const old = factor[row + k]
      factor[row + k] = a[k] * old + b[k] * rest
      rest = a[k] * rest - c[k] * old
    }
    const diagonal = factor[row + i]
    const square = diagonal * diagonal + sign * rest * rest
    if (!(square > 0)) return false
    const r = Math.sqrt(square)
    a[i] = diagonal / r
    b[i] = (sign * rest) / r
    c[i] = rest / r
    factor[row + i] = r
  }
  return true
}

/** out = (L Lᵀ)⁻¹, packed; about d³/3 multiplications. */
export function invertFactored(factor: Float64Array, d: number, out: Float64Array): void {
  const lower = invertLower(factor, d)
  out.fill(0)
  // element (i, j) is Σ_{k >= i} l_ki l_kj: row k of L⁻¹ gives its outer product
  for (let k = 0, row = 0; k < d; row += ++k) {
    for (let i = 0, at = 0; i <= k; at += ++i) {
      const f = lower[row + i]
      for (let j = 0; j <= i; j++) out[at + j] += f * lower[row + j]
    }
  }
}

function invertLower(factor: Float64Array, d: number): Float64Array {
  const lower = new Float64Array(packedLength(d))
  for (let i = 0, row = 0; i < d; row += ++i) {
    const pivot = 1 / factor[row + i]
    lower[row + i] = pivot
    for (let k = 0, at = 0; k < i; at += ++k) {
      const f = -pivot * factor[row + k]
      for (let j = 0; j <= k; j++) lower[row + j] += f * lower[at + j]
    }
  }
  return lower
}
