/**
 * What is known of a posterior's variance without solving for it. Λ - Λ₀ is positive semidefinite, so with s its first column
 * Λ >= Λ₀ + s sᵀ / s₀ (Cauchy & Schwarz), and φᵀΛ⁻¹φ <= φᵀΛ₀⁻¹φ - (uᵀφ)² with the axis u = Λ₀⁻¹ s / √(s₀ + sᵀΛ₀⁻¹s) (Sherman & Morrison 1950).
 * The first feature is the constant: s / s₀ is the mean φ of whoever was shown the item, so what is left is what tells them apart.
 */
import { packedLength } from './matrix.ts'

/** u, length d; zeros where nothing was seen. @param factor L of Λ = L Lᵀ, packed @param precision diagonal of Λ₀ */
export function axisOf(factor: Float64Array, precision: Float64Array): Float64Array {
  const axis = Float64Array.from(precision, (_, i) => factor[packedLength(i)] * factor[0])
  axis[0] -= precision[0]
  const seen = axis[0]
  if (!(seen > 0)) return axis.fill(0)
  let square = seen
  for (let i = 0; i < axis.length; i++) square += axis[i] ** 2 / precision[i]
  const part = 1 / Math.sqrt(square)
  for (let i = 0; i < axis.length; i++) axis[i] *= part / precision[i]
  return axis
}
