/**
 * compose.stages.yaml: laid over compose.yaml it replaces the one process with all stages by one service a stage. They
 * inherit everything from the `feedloop` service, which itself no longer starts.
 */
import { chartStages } from './stages.ts'

export const composeStages = () => ({
  services: {
    feedloop: { profiles: ['one-process'] },
    ...Object.fromEntries(
      chartStages()
        .filter(stage => !stage.needsSources)
        .map(({ stage }) => [
          stage,
          {
            extends: { file: 'compose.yaml', service: 'feedloop' },
            command: ['run', stage, '--config', '/etc/feedloop/feedloop.yaml'],
            ports: [],
          },
        ]),
    ),
  },
})
