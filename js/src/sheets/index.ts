import type { Sheets } from "../sheet";
import { compare } from "./criteria";
import { history } from "./history";
import { inputs } from "./inputs";
import { save } from "./save";
import { table } from "./table";
import { tune } from "./tune";

/** The sheets by name, for `src/sheet.ts` to load when one is opened. */
export const sheets: Sheets = { table, inputs, compare, history, tune, save };
