// The extension of JupyterLab and Notebook: what it adds to cells, and its commands and panel.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, IThemeManager, IToolbarWidgetRegistry } from "@jupyterlab/apputils";
import type { Cell } from "@jupyterlab/cells";
import { INotebookTracker, NotebookActions, type NotebookPanel } from "@jupyterlab/notebook";
import { Widget } from "@lumino/widgets";
import { Marks } from "./marks";
import { Panel } from "./panel";
import { StagePicker, askForStage } from "./picker";

const COMMANDS = {
  stage: "provenance:set-stage",
  run: "provenance:run-stale",
  panel: "provenance:show-panel",
};

const plugin: JupyterFrontEndPlugin<void> = {
  id: "provenance-lab:plugin",
  description: "Stages, stale cells and results, from what the provenance kernel recorded.",
  autoStart: true,
  requires: [INotebookTracker],
  optional: [IToolbarWidgetRegistry, ICommandPalette, IThemeManager],
  activate: (
    app: JupyterFrontEnd,
    tracker: INotebookTracker,
    toolbars: IToolbarWidgetRegistry | null,
    palette: ICommandPalette | null,
    themes: IThemeManager | null,
  ): void => {
    const panel = new Panel(() => themes?.theme != null && !themes.isLight(themes.theme));
    const marks = new WeakMap<NotebookPanel, Marks>();
    tracker.widgetAdded.connect((_, notebook) => {
      marks.set(notebook, new Marks(notebook, () => panel.look()));
    });
    const here = (): Marks | undefined => (tracker.currentWidget ? marks.get(tracker.currentWidget) : undefined);

    toolbars?.addFactory<Cell>("Cell", "provenance-stage", (cell) =>
      cell.model.type === "code" ? new StagePicker(cell, () => here()?.stages ?? []) : new Widget(),
    );

    app.shell.add(panel, "right", { rank: 900 });
    themes?.themeChanged.connect(() => panel.theme());
    tracker.currentChanged.connect((_, notebook) => {
      if (notebook) panel.notebook = notebook.context.path;
    });

    app.commands.addCommand(COMMANDS.stage, {
      label: "Set the Cell's Stage…",
      isEnabled: () => tracker.activeCell?.model.type === "code",
      execute: async () => {
        const cell = tracker.activeCell;
        if (cell?.model.type === "code") await askForStage(cell.model, here()?.stages ?? []);
      },
    });
    app.commands.addCommand(COMMANDS.run, {
      label: "Run the Stale Cells",
      isEnabled: () => tracker.currentWidget !== null,
      execute: async () => {
        const notebook = tracker.currentWidget;
        const found = here();
        if (!notebook || !found) return;
        await found.look();
        await NotebookActions.runCells(notebook.content, found.stale, notebook.sessionContext);
      },
    });
    app.commands.addCommand(COMMANDS.panel, {
      label: "Show Results, Trials and Lineage",
      execute: () => app.shell.activateById(panel.id),
    });
    for (const command of Object.values(COMMANDS)) palette?.addItem({ command, category: "Provenance" });
  },
};

export default plugin;
