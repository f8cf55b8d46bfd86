/**
 * What was shown, in 16 hex digits that an outcome may echo: a service that read the batch of a lost rival showed another
 * slate, and its outcomes must not be joined with the decision that counts.
 */
import { hash } from 'node:crypto'

/** The first 64 bits of SHA-256 over the JSON array `[decision id, item, item …]` in UTF-8, items in position order. */
export const slateHash = (decisionId: string, itemIds: readonly string[]): string =>
  hash('sha256', JSON.stringify([decisionId, ...itemIds]), 'hex').slice(0, 16)
