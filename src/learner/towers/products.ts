/**
 * Where states and items meet: the logit of a candidate is u·v / √E, one for each head. On plain arrays, since an item that
 * many decisions share is then embedded once, whatever the backend; it is a hundredth of a step's work.
 */

export interface Meeting {
  /** B. */
  readonly size: number
  /** K. */
  readonly candidates: number
  /** Item of each candidate, [B, K]; -1: padding, whose logits are 0. */
  readonly rows: Int32Array
  readonly heads: number
  /** E. */
  readonly embedding: number
}

/** @param users [B, heads, E] @param items [items, heads, E] @returns [B, K, heads] */
export function logitsOf(users: Float32Array, items: Float32Array, meeting: Meeting): Float32Array {
  const { rows, heads, embedding, candidates } = meeting
  const logits = new Float32Array(rows.length * heads)
  const scale = 1 / Math.sqrt(embedding)
  for (let c = 0; c < rows.length; c++) {
    if (rows[c] < 0) continue
    const user = Math.floor(c / candidates)
    for (let head = 0; head < heads; head++) {
      const [u, v] = [(user * heads + head) * embedding, (rows[c] * heads + head) * embedding]
      let sum = 0
      for (let i = 0; i < embedding; i++) sum += users[u + i] * items[v + i]
      logits[c * heads + head] = scale * sum
    }
  }
  return logits
}

/** @param gradient dLoss/dLogits, [B, K, heads] @returns dLoss/dUsers and dLoss/dItems */
export function embeddingGradients(
  users: Float32Array,
  items: Float32Array,
  gradient: Float32Array,
  { rows, heads, embedding, candidates }: Meeting,
): { users: Float32Array; items: Float32Array } {
  const made = { users: new Float32Array(users.length), items: new Float32Array(items.length) }
  const [ofUsers, ofItems] = [made.users, made.items]
  const scale = 1 / Math.sqrt(embedding)
  for (let c = 0; c < rows.length; c++) {
    if (rows[c] < 0) continue
    const user = Math.floor(c / candidates)
    for (let head = 0; head < heads; head++) {
      const slope = scale * gradient[c * heads + head]
      if (slope === 0) continue
      const [u, v] = [(user * heads + head) * embedding, (rows[c] * heads + head) * embedding]
      for (let i = 0; i < embedding; i++) {
        ofUsers[u + i] += slope * items[v + i]
        ofItems[v + i] += slope * users[u + i]
      }
    }
  }
  return made
}
