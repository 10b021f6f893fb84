// The side panel: the page of results, trials, differences, lineage and stale cells, of the notebook's folder.

import { PageConfig, URLExt } from "@jupyterlab/coreutils";
import { LabIcon } from "@jupyterlab/ui-components";
import { Widget } from "@lumino/widgets";

export const icon = new LabIcon({
  name: "provenance-lab:provenance",
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 64 64">
<g class="jp-icon3" fill="#616161"><path d="M18 17 32 32 18 47M32 32h16" fill="none" class="jp-icon3-stroke" stroke="#616161" stroke-width="5"/>
<circle cx="18" cy="15" r="8"/><circle cx="18" cy="49" r="8"/><circle cx="32" cy="32" r="8"/><circle cx="50" cy="32" r="9"/></g></svg>`,
});

export class Panel extends Widget {
  constructor(private readonly isDark: () => boolean) {
    super();
    this.id = "provenance-panel";
    this.title.icon = icon;
    this.title.caption = "Provenance: results, trials, lineage";
    this.addClass("provenance-panel");
    this.frame.title = "Provenance";
    this.frame.onload = (): void => this.theme();
    this.node.append(this.frame);
  }

  /** Show the record of a notebook's folder. */
  set notebook(path: string) {
    if (path === this.path) return;
    this.path = path;
    if (this.isVisible) this.load();
  }

  /** Let the page look as the application does. */
  theme(): void {
    const scheme = this.isDark() ? "dark" : "light";
    this.frame.style.colorScheme = scheme;
    const page = this.frame.contentDocument?.documentElement;
    if (page) page.style.colorScheme = scheme;
  }

  /** Read the record anew, unless somebody is at work in the panel. */
  look(): void {
    const page = this.frame.contentDocument;
    const busy = document.activeElement === this.frame || page?.querySelector("main input:checked");
    if (this.isVisible && !busy) this.read();
  }

  protected override onActivateRequest(): void {
    this.read();
    // The command palette gives the focus back to where it was, when it has closed.
    setTimeout(() => this.frame.focus());
  }

  protected override onAfterShow(): void {
    // What is on the page is kept while the panel is out of sight, and read anew when it comes back.
    this.read();
  }

  private read(): void {
    if (this.path === this.loaded) this.frame.contentWindow?.dispatchEvent(new Event("hashchange"));
    else this.load();
  }

  private load(): void {
    this.loaded = this.path;
    const query = URLExt.objectToQueryString({ notebook: this.path });
    this.frame.src = `${URLExt.join(PageConfig.getBaseUrl(), "provenance/")}${query}#results`;
  }

  private readonly frame = document.createElement("iframe");
  private path = "";
  private loaded: string | null = null;
}
