import type { Sheets } from "../sheet";
import { compare } from "./criteria";
import { answers, chart } from "./edge";
import { history } from "./history";
import { inputs } from "./inputs";
import { layers } from "./layers";
import { node } from "./node";
import { save } from "./save";
import { standing } from "./standing";
import { table } from "./table";
import { tune } from "./tune";

/** The sheets by name, for `src/sheet.ts` to load when one is opened. */
export const sheets: Sheets = { table, inputs, compare, history, tune, save, standing, node, layers, chart, answers };
