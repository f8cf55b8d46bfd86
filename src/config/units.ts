/** What schemas of the configuration are written with: times in milliseconds. */
import { z } from 'zod'

export const ms = (value: number) => z.number().int().nonnegative().default(value)
export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** Looked up by texts of payloads: `constructor` must be nothing there, not what objects inherit. */
export const inheritsNothing = <T extends object>(record: T): T => Object.setPrototypeOf(record, null) as T
