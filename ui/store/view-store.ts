import { Emitter } from './emitter.ts';
import { parseViewState, type ViewState, viewUrl } from './view-state.ts';

/** The view state of this tab. The URL is where it lives: what is set goes there, back and forward come from there. */
export class ViewStore extends Emitter {
  state: ViewState;

  constructor() {
    super();
    this.state = parseViewState(location.pathname, location.search);
    addEventListener('popstate', () => {
      this.state = parseViewState(location.pathname, location.search);
      this.changed();
    });
  }

  /** Changes parts of the state. A step that a person may want to take back makes an entry of the browser's history; `isFleeting` ones do not. */
  set(part: Partial<ViewState>, { isFleeting = false } = {}): void {
    const next = { ...this.state, ...part };
    const url = this.urlOf(next);
    if (url === this.urlOf(this.state)) return;
    this.state = next;
    if (isFleeting) history.replaceState(null, '', url);
    else history.pushState(null, '', url);
    this.changed();
  }

  /** The address of a state, from the root of the server. */
  urlOf(state: ViewState): string {
    return `${location.pathname.replace(/[^/]*$/, '')}${viewUrl(state)}`;
  }
}
