import { doorContract } from './contract.ts'

doorContract(() => undefined)
