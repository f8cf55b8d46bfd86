/** Real data that are not ours to ship: the folder that FEEDLOOP_DATA names, else one beside the checkout. */
import { fileURLToPath } from 'node:url'

export const realData = process.env.FEEDLOOP_DATA ?? fileURLToPath(new URL('../../shared/data', import.meta.url))
