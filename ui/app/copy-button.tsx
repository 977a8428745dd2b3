import { type ReactElement, type ReactNode, useEffect, useState } from 'react';
import { copyText } from './copy-text.ts';

const TOLD_MS = 1600;

/** A button that copies a text, and says that it has. */
export function CopyButton({
  text,
  className = 'button',
  title,
  children,
}: {
  readonly text: () => string;
  readonly className?: string;
  readonly title?: string;
  readonly children: ReactNode;
}): ReactElement {
  const [told, setTold] = useState('');
  useEffect(() => {
    if (told === '') return undefined;
    const timer = setTimeout(() => setTold(''), TOLD_MS);
    return () => clearTimeout(timer);
  }, [told]);
  return (
    <button
      type="button"
      className={className}
      title={title}
      onClick={() => void copyText(text()).then((isDone) => setTold(isDone ? 'Copied' : 'Not allowed'))}
    >
      <span aria-live="polite">{told === '' ? children : told}</span>
    </button>
  );
}
