/**
 * Where stages keep their local state: a folder for each stage and partition below `state.folder`, of this process alone.
 * A partition that moves away leaves its folder behind; when it comes back the folder is an older state, and recovery
 * folds what came since, or drops it. Without a folder tables are on the heap and recovery reads the topics.
 */
import { join } from 'node:path'
import type { StageName } from '../pipeline.ts'
import { type DiskState, openDisk } from '../state/disk.ts'
import type { Codec } from '../state/table.ts'
import type { ServiceContext } from './context.ts'

export interface LocalStateOptions<T extends object> {
  readonly stage: StageName
  /** What the state's meaning depends on, besides the topics. */
  readonly version: string
  readonly codecs: { readonly [K in keyof T]: Codec<T[K]> }
}

/** How to open the tables of a partition; undefined when they are on the heap. */
export function localState<T extends object>(
  { config, logger, meter, now }: Pick<ServiceContext, 'config' | 'logger' | 'meter' | 'now'>,
  { stage, version, codecs }: LocalStateOptions<T>,
): ((partition: number) => Promise<DiskState<T>>) | undefined {
  const { folder, cacheBytes } = config.state
  if (folder === '') return undefined
  return partition =>
    openDisk<T>({
      folder: join(folder, config.topics.prefix, stage, String(partition)),
      version,
      codecs,
      cacheBytes,
      now,
      dropped(reason, detail) {
        meter.add('feedloop_state_dropped_total', { stage, reason })
        logger.warn({ stage, partition, reason, detail }, 'local state dropped, it is rebuilt from the topics')
      },
    })
}
