/**
 * A training on disk, one folder: `training.json` (settings, how far it has come, the learning curve), versions as the learner
 * publishes them (`version-N.avro`: the last one, from which it goes on, and the best), `curve.svg`. The JSON is replaced
 * whole and after the versions that it names (and after what the learner holds is written, in `replay/`: memory.ts), so a training that was killed goes on from the last one that is complete.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelVersion } from '../../schemas/records.ts'
import type { ConfigInput } from '../config.ts'
import { FeedloopError } from '../errors.ts'
import type { Wire } from '../log/wire/wire.ts'
import type { Point } from './train.ts'
import type { Progress } from './trainer.ts'

/** What a training was begun with: it goes on with the same. */
export interface Settings {
  /** Absent: it learns from the topics of `configFile`, or from the log that the policy's `warmStart` names. */
  readonly environment?: string
  /** Whose first policy, or the one named in `policy`, is learned from its transitions. */
  readonly configFile?: string
  readonly policy?: string
  readonly world?: string
  readonly seed: number
  readonly sessions: number
  readonly learnEvery: number
  /** Decisions between two points of the curve. */
  readonly every: number
  /** Laid over the environment's preset. */
  readonly config: ConfigInput
}

export interface Kept {
  readonly settings: Settings
  readonly progress: Progress
  /** Names of version files. */
  readonly last: string
  readonly best: string
  readonly points: readonly Point[]
}

const FILE = 'training.json'
const fileOf = (version: string): string => `version-${version}.avro`

export const holdsTraining = (folder: string): boolean => existsSync(join(folder, FILE))

/** @param best version of the best point; its file is there already where it is not the last
 * @param plot SVG of the curve */
export function saveTraining(
  folder: string,
  wire: Wire,
  { settings, progress, points }: Omit<Kept, 'last' | 'best'>,
  { model, best, plot }: { readonly model: ModelVersion; readonly best: string; readonly plot: string },
): void {
  mkdirSync(folder, { recursive: true })
  replace(join(folder, fileOf(model.version)), wire.encode('models', model))
  replace(join(folder, 'curve.svg'), plot)
  const kept: Kept = { settings, progress, last: fileOf(model.version), best: fileOf(best), points }
  replace(join(folder, FILE), `${JSON.stringify(kept, null, 1)}\n`)
  for (const name of readdirSync(folder))
    if (/^version-\d+\.avro$/.test(name) && name !== kept.last && name !== kept.best) rmSync(join(folder, name))
}

/** @throws FeedloopError DATA_MISSING */
export function readTraining(folder: string, wire: Wire): Kept & { readonly model: ModelVersion } {
  try {
    const kept = JSON.parse(readFileSync(join(folder, FILE), 'utf8')) as Kept
    return { ...kept, model: wire.decode('models', readFileSync(join(folder, kept.last))) as ModelVersion }
  } catch (cause) {
    throw new FeedloopError('DATA_MISSING', `${folder} holds no training: ${(cause as Error).message}`, { cause })
  }
}

/** Whole or not at all. */
function replace(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.new`, content)
  renameSync(`${path}.new`, path)
}
