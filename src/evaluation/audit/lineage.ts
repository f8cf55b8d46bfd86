/**
 * Which transitions a policy's versions are to have learned, by what the accepted steps of its partition of `models` say of
 * themselves. The policy that the chain began with learns all of them. One that was named anew goes on where its
 * predecessor stood, one that came with a move where all others did, and of what is before, neither learned anything; one
 * that is back under its former name goes on with what it had learned, but for what was taken in between.
 *
 * A step without a version moves nobody, but for the first of a chain that was moved: after an adoption
 * (src/log/chain/adopt.ts) what was left out, or was taken again, is to be seen.
 *
 * Where the beginning of a policy is gone, its oldest version that is left is where counting begins.
 */
import type { ModelVersion } from '../../../schemas/records.ts'
import type { Batch } from '../../log/chain/batches.ts'
import type { StepHeader } from '../../log/chain/header.ts'

export type Step = Pick<Batch, 'head' | 'header'>

/** Next offset of `transitions` by partition; absent: 0. */
type Positions = readonly (number | undefined)[]

/** Versions with none of another policy between them: the transitions that their steps took. */
interface Run {
  readonly from: Positions
  next: Positions
}

/** The oldest version left of a policy whose beginning is gone. */
export interface Oldest {
  readonly version: string
  readonly transitions: number
  readonly next: Positions
}

export interface Lineage {
  /** In order, those from the beginning on or after `oldest`. */
  readonly runs: readonly Run[]
  /** Undefined: where the policy began is known. */
  readonly oldest: Oldest | undefined
}

export type First = Pick<ModelVersion, 'policy' | 'version' | 'parent' | 'transitions'>

/** One partition of `models`, as far as it was read. */
export interface Book {
  readonly lineages: Map<string, Lineage>
  /** How far the newest version's step had come; undefined: what was before is gone. */
  reached: Positions | undefined
  /** Policy of the newest version. */
  policy: string | undefined
}

export const createBook = (): Book => ({ lineages: new Map(), reached: undefined, policy: undefined })

/** Notes the chain's next accepted step. @param version that it published, as far as it was read; undefined: none. Where it is of the same policy as
 * the version before it, no more than the policy is looked at */
export function noteStep(book: Book, { head, header }: Step, version?: First | Pick<First, 'policy'>): void {
  const isGenesis = isFirstOfChain(head.offset, header)
  const next = positionsOf(header)
  if (isGenesis) book.reached = version || !header.from ? [] : next
  if (!version) return
  if (version.policy === book.policy) extend(book, version.policy, next)
  else beginRun(book, version as First, { next, isGenesis })
  book.reached = next
  book.policy = version.policy
}

/** Nothing was accepted before it. */
const isFirstOfChain = (offset: number, { prev, epoch }: StepHeader): boolean =>
  offset === 0 || (prev === null && epoch === 0)

function positionsOf({ inputs }: StepHeader): Positions {
  const positions: number[] = []
  for (const { topic, partition, next } of inputs) if (topic === 'transitions') positions[partition] = next
  return positions
}

function extend({ lineages }: Book, policy: string, next: Positions): void {
  lineages.get(policy)!.runs.at(-1)!.next = next
}

function beginRun(
  { lineages, reached }: Book,
  { policy, version, parent, transitions }: First,
  { next, isGenesis }: { readonly next: Positions; readonly isGenesis: boolean },
): void {
  const known = parent === null ? undefined : lineages.get(policy)
  const isBeginning = reached !== undefined && (parent === null || isGenesis)
  if (known && reached) lineages.set(policy, { ...known, runs: [...known.runs, { from: reached, next }] })
  else if (isBeginning) lineages.set(policy, { runs: [{ from: reached, next }], oldest: undefined })
  else lineages.set(policy, { runs: [{ from: next, next }], oldest: { version, transitions, next } })
}

/** Was the transition to be learned by the newest version of the policy, given that it is below the version's positions?
 * `before`: so much is said of it by the oldest version left. */
export function partOf({ runs, oldest }: Lineage, partition: number, offset: number): 'own' | 'before' | 'none' {
  const isBelow = (positions: Positions): boolean => offset < (positions[partition] ?? 0)
  if (oldest && isBelow(oldest.next)) return 'before'
  return runs.some(({ from, next }) => !isBelow(from) && isBelow(next)) ? 'own' : 'none'
}
