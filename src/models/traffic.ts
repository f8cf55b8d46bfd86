/**
 * Who answers a policy's requests: its mode, and which versions have which share of the users. It stands in the policy's
 * last release and nowhere else, so whoever appends the next one to `releases` carries it on.
 */
import type { Mode, Release, Share } from '../../schemas/records.ts'

export type Traffic = Readonly<Pick<Release, 'mode' | 'shares'>>

/** What holds before the first release: the initial policy, until a version comes. */
export const firstTraffic = (mode: Mode): Traffic => ({
  mode,
  shares: [{ model_version: '', share: 1, follows: true }],
})

/** The version that the next one is compared with: the one that it would follow, else the first. */
export const championOf = (shares: readonly Share[]): string =>
  (shares.find(share => share.follows) ?? shares[0])?.model_version ?? ''

/** Does a release say that a version, the one of its evidence, may serve? */
export const hasPassed = ({ reason }: Pick<Release, 'reason'>): boolean => reason === 'promoted' || reason === 'passed'

/** A version that passed takes the place of the one before it; pinned shares stay. */
export const promoted = ({ mode, shares }: Traffic, version: string): Traffic => ({
  mode,
  shares: shares.map(share => (share.follows ? { ...share, model_version: version } : share)),
})

/** What a person wants to be different from now on (`feedloop release`). */
export interface Order {
  /** Unique: by it the order is known to have been carried out. */
  readonly id: string
  readonly policy: string
  /** Null: as it is. */
  readonly mode: Mode | null
  /** Null: as they are. Of the share that follows the version is not looked at: it is the newest that passed. */
  readonly shares: readonly Share[] | null
  readonly why: string
  readonly by: string
}

/** @param latest newest version that passed; '' when none did */
export const ordered = (traffic: Traffic, { mode, shares }: Order, latest: string): Traffic =>
  promoted({ mode: mode ?? traffic.mode, shares: shares ?? traffic.shares }, latest)

/** Rounding of shares that people write. */
const ROUNDING = 1e-9

/** What is wrong with ordered shares; '': nothing. */
export function sharesFault(shares: readonly Share[]): string {
  const sum = shares.reduce((total, { share }) => total + share, 0)
  const pinned = shares.filter(share => !share.follows).map(share => share.model_version)
  if (shares.some(({ share }) => !(share >= 0 && share <= 1))) return 'a share is within 0 and 1'
  if (!(Math.abs(sum - 1) <= ROUNDING)) return `shares sum to ${sum}, not to 1`
  if (shares.length - pinned.length > 1) return 'one share at most follows'
  return new Set(pinned).size < pinned.length ? 'a version is named twice' : ''
}
