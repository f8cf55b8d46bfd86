/**
 * compose.stages.yaml: laid over compose.yaml it replaces the one process with all stages by one service a stage. They
 * inherit everything from the `feedloop` service, which itself no longer starts. And what Prometheus scrapes: whichever
 * of these services are there, found by their names.
 */
import { chartStages } from './stages.ts'

const services = chartStages().filter(stage => !stage.needsSources)
const stages = services.map(({ stage }) => stage)

export const composeStages = () => ({
  services: {
    feedloop: { profiles: ['one-process'] },
    ...Object.fromEntries(
      // The door is a service of compose.yaml already: two that extend the same cannot be merged.
      services
        .filter(({ isDoor }) => !isDoor)
        .map(({ stage }) => [
          stage,
          {
            extends: { file: 'compose.yaml', service: 'feedloop' },
            command: ['run', stage, '--config', '/etc/feedloop/feedloop.yaml'],
          },
        ]),
    ),
  },
})

export const prometheusConfig = () => ({
  global: { scrape_interval: '5s', evaluation_interval: '15s' },
  rule_files: ['feedloop.rules.yaml'],
  scrape_configs: [
    {
      job_name: 'feedloop',
      dns_sd_configs: [{ names: ['feedloop', ...stages], type: 'A', port: 9464, refresh_interval: '10s' }],
    },
  ],
})
