// The marks of one notebook: each cell's stages at its edge, and why it is stale.

import type { Cell } from "@jupyterlab/cells";
import type { NotebookPanel } from "@jupyterlab/notebook";
import { type PanelLayout, Widget } from "@lumino/widgets";
import { askForStage } from "./picker";
import { type Known, type Stale, ask, why } from "./record";
import { type Metadata, colour, inComments, inMetadata, normalised } from "./stages";

// A pause in typing after which the record is asked.
const PAUSE = 400;
// What a cell did is written behind its reply; what took longer than the first look is seen by the second.
const LOOKS = [300, 2500];

/** The stages that a cell's metadata and comments give. */
export function stagesOf(cell: Cell): string[] {
  const metadata = cell.model.metadata as Metadata;
  return [...inMetadata(metadata), ...inComments(cell.model.sharedModel.getSource())];
}

export class Marks {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly ran: () => void,
  ) {
    const { sessionContext } = panel;
    void panel.context.ready.then(() => {
      if (panel.isDisposed) return;
      panel.model?.contentChanged.connect(this.changed, this);
      sessionContext.statusChanged.connect(this.status, this);
      this.draw();
      void this.look();
    });
    panel.disposed.connect(() => this.lookIn([]));
  }

  /** The stages of the project, those of this notebook among them, in the order to offer them. */
  get stages(): string[] {
    const here = this.panel.content.widgets.flatMap(stagesOf);
    const byName = new Map([...this.known.stages, ...here].map((each) => [normalised(each), each] as const));
    return [...byName.values()].sort((a, b) => a.localeCompare(b));
  }

  /** The stale cells, from the top down. */
  get stale(): Cell[] {
    return this.panel.content.widgets.filter((each) => this.staleById.has(each.model.id));
  }

  /** Ask the record what is stale now, and show it. */
  async look(): Promise<void> {
    const turn = ++this.turn;
    const sources: Record<string, string> = {};
    for (const { model } of this.panel.content.widgets) {
      if (model.type === "code") sources[model.id] = model.sharedModel.getSource();
    }
    const known = await ask(this.panel.context.path, sources);
    if (!known || turn !== this.turn || this.panel.isDisposed) return;
    this.known = known;
    this.staleById = new Map(known.stale.map((each) => [each.cell_id ?? "", each]));
    this.draw();
  }

  private status(): void {
    const status = this.panel.sessionContext.session?.kernel?.status;
    if (status === "idle") this.lookIn(LOOKS, this.ran);
  }

  private changed(): void {
    if (!this.drawing) {
      this.drawing = true;
      requestAnimationFrame(() => {
        this.drawing = false;
        if (!this.panel.isDisposed) this.draw();
      });
    }
    this.lookIn([PAUSE]);
  }

  private lookIn(times: number[], then?: () => void): void {
    this.timers.forEach((each) => clearTimeout(each));
    this.timers = times.map((each) => window.setTimeout(() => void this.look().then(then), each));
  }

  private draw(): void {
    const cells = this.panel.content.widgets.filter((each) => each.model.type === "code");
    const stages = new Map(cells.map((each) => [each, stagesOf(each)]));
    const appearing = [...new Set([...stages.values()].flat().map(normalised))];
    for (const [cell, labels] of stages) {
      const [first] = labels;
      const number = first === undefined ? "" : String(colour(first, appearing));
      const stale = this.staleById.get(cell.model.id);
      cell.node.dataset["provenanceStage"] = number;
      cell.node.dataset["provenanceStale"] = stale?.reason ?? "";
      const texts = [...new Set(labels)];
      // In a long notebook a cell has no editor until it comes into view.
      void cell.ready.then(() => mark(cell, texts, stale ? why(stale) : "", () => this.stages));
    }
  }

  private known: Known = { trial: null, stages: [], stale: [] };
  private staleById = new Map<string, Stale>();
  private timers: number[] = [];
  private turn = 0;
  private drawing = false;
}

/** In the corner of a cell: its stages and why it is stale; pressed, it asks for a stage. */
class Mark extends Widget {
  constructor(pressed: () => void) {
    super({ node: document.createElement("button") });
    this.addClass("provenance-mark");
    this.node.onclick = pressed;
  }

  tell(stages: string[], stale: string): void {
    const texts = [stages.join(", "), stale].filter(Boolean);
    this.node.ariaLabel = `Stage of this cell: ${texts.join(", ") || "none"}`;
    if (this.node.textContent === texts.join(" · ")) return;
    const parts = texts.map((each) => {
      const part = document.createElement("span");
      part.textContent = each;
      if (each === stale) part.className = "provenance-stale";
      return part;
    });
    this.node.replaceChildren(...parts.flatMap((each, number) => (number ? [" · ", each] : [each])));
    this.node.title = texts.join("\n");
  }
}

const marks = new WeakMap<Cell, Mark>();

function mark(cell: Cell, stages: string[], stale: string, offered: () => string[]): void {
  const layout = cell.inputArea?.parent?.layout as PanelLayout | undefined;
  if (cell.isDisposed || !layout) return;
  let mark = marks.get(cell);
  if (!mark) {
    mark = new Mark(() => void askForStage(cell.model, offered()));
    marks.set(cell, mark);
    layout.addWidget(mark);
  }
  mark.tell(stages, stale);
}
