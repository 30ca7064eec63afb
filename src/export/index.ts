/** Models in other tools' formats. */
export {
  EXPORT_FORMATS,
  EXPORTS,
  type ExportFormat,
  type ExportOptions,
  exportModel,
} from "./exportModel.js";
export { type ImportedModel, type ImportOptions, importModel } from "./importModel.js";
