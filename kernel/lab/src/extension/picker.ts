// The stage picker in a cell's toolbar: the project's stages, none, or a new one.

import { InputDialog } from "@jupyterlab/apputils";
import type { Cell, ICellModel } from "@jupyterlab/cells";
import { Widget } from "@lumino/widgets";
import { inComments, inMetadata, normalised } from "./stages";

const NONE = "";
// No label is two line breaks: labels are trimmed.
const NEW = "\n\n";

/** Tag a cell with a stage, or with none. Its tags and comments are the user's and stay. */
export function setStage(model: ICellModel, label: string): void {
  const { stage: _, ...rest } = { stage: null, ...(model.getMetadata("provenance") as object | undefined) };
  const ours = normalised(label) ? { ...rest, stage: label.trim() } : rest;
  if (Object.keys(ours).length) model.setMetadata("provenance", ours);
  else model.deleteMetadata("provenance");
}

/** Ask for a stage by name, with the project's to choose from. */
export async function askForStage(model: ICellModel, offered: string[]): Promise<void> {
  const current = inMetadata(model.metadata)[0] ?? "";
  // The first fills the field: with none, what is typed would join a stage that the cell has not.
  const items = [...new Set([current, ...offered])];
  const label = "Stage of this cell (empty: none)";
  const answer = await InputDialog.getItem({ title: "Stage", label, items, current: 0, editable: true });
  if (answer.button.accept && answer.value !== null) setStage(model, answer.value);
}

export class StagePicker extends Widget {
  constructor(
    private readonly cell: Cell,
    private readonly offered: () => string[],
  ) {
    super();
    this.addClass("provenance-picker");
    this.select.setAttribute("aria-label", "Stage of this cell");
    // Its keys are its own: without this the arrows would choose another cell.
    this.select.dataset["lmSuppressShortcuts"] = "true";
    this.node.append(this.select);
    this.select.onchange = (): void => this.pick();
    // What is offered may have changed since; a list is filled before it opens.
    this.select.onfocus = this.select.onpointerdown = (): void => this.fill();
    cell.model.metadataChanged.connect(this.fill, this);
    cell.model.contentChanged.connect(this.fill, this);
    this.fill();
  }

  private fill(): void {
    const { model } = this.cell;
    const current = inMetadata(model.metadata).join(", ");
    const comments = inComments(model.sharedModel.getSource()).join(", ");
    const offered = this.offered().map((each): [string, string] => [each, each]);
    const options: [string, string][] = [
      [NONE, comments ? `${comments} (comment)` : "no stage"],
      ...offered,
      [NEW, "new stage…"],
    ];
    if (!options.some(([value]) => value === current)) options.splice(1, 0, [current, current]);
    const key = JSON.stringify([current, options]);
    if (key === this.filled) return;
    this.filled = key;
    this.select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === current)));
  }

  private pick(): void {
    const { value } = this.select;
    if (value !== NEW) return setStage(this.cell.model, value);
    this.filled = "";
    this.fill();
    void askForStage(this.cell.model, this.offered());
  }

  private readonly select = document.createElement("select");
  private filled = "";
}
