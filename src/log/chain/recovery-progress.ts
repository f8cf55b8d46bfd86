/** How far a recovery is: as a metric, and now and then as a log line with the time that is left at this pace. */
import { topicName } from '../../pipeline.ts'
import type { StageState } from '../../stage.ts'
import { retrying } from './rim.ts'
import type { TaskContext } from './session.ts'

export interface RecoveryProgress {
  /** The own output is folded up to `offset`. */
  at(offset: number): void
  done(): void
}

const sayEveryMs = 5000

/** @param from where folding begins in the own output */
export async function showProgress<S extends StageState, V>(
  { io, options }: TaskContext<S, V>,
  from: number,
): Promise<RecoveryProgress> {
  const { stage, output, meter, logger, prefix } = options
  const { latest } = await retrying(io, () => io.log.ends(topicName(prefix, output.topic), output.partition))
  const labels = { stage: stage.name, partition: String(output.partition) }
  const startedMs = io.rim.now()
  let saidMs = startedMs
  const show = (share: number): void => meter.set('feedloop_recovery_progress', labels, share)
  show(0)
  return {
    at(offset) {
      const nowMs = io.rim.now()
      if (nowMs - saidMs < sayEveryMs) return
      saidMs = nowMs
      const share = Math.min(1, Math.max(0, (offset - from) / Math.max(1, latest - from)))
      show(share)
      const leftMs = share > 0 ? ((nowMs - startedMs) * (1 - share)) / share : null
      const percent = Math.round(100 * share)
      logger.info({ ...labels, percent, secondsLeft: leftMs && Math.round(leftMs / 1000) }, 'recovering')
    },
    done() {
      show(1)
      const seconds = Math.round(io.rim.now() - startedMs) / 1000
      if (saidMs > startedMs) logger.info({ ...labels, seconds }, 'recovered')
    },
  }
}
