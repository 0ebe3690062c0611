/** An image, with its boxes and masks over it. */

import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api";
import { ink } from "../chart/ink";
import { number } from "../format";
import { useRetry } from "./retry";

interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  /** Whether these are pixels, else parts of the image. */
  pixel: boolean;
  class: number;
  caption: string;
  scores: Record<string, number>;
}

type Labels = Record<string, string>;
type Boxes = Record<string, { labels: Labels; boxes: Box[] }>;
type Masks = Record<string, { labels: Labels; digest: string }>;

const COLOURS = 8;

export function Picture({ item }: { item: api.Shown }) {
  const boxes = (item.data.boxes ?? {}) as Boxes;
  const masks = (item.data.masks ?? {}) as Masks;
  const [size, setSize] = useState<[number, number] | null>(null);
  const [hidden, hide] = useState<Set<string>>(new Set());
  const { tries, missing, failed, came } = useRetry(item.digest);
  const layers = [
    ...Object.keys(boxes).map((name) => `boxes ${name}`),
    ...Object.keys(masks).map((name) => `mask ${name}`),
  ];
  const toggle = (layer: string) => {
    const next = new Set(hidden);
    if (!next.delete(layer)) next.add(layer);
    hide(next);
  };
  const small = size !== null && size[0] < 120;
  return (
    <>
      <a href={api.file(item.digest, item.format)} target="_blank" rel="noreferrer" class="picture">
        <img
          class={small ? "" : "smooth"}
          src={`${api.file(item.digest, item.format)}${tries ? `&again=${tries}` : ""}`}
          alt={item.caption || `image ${item.place}`}
          loading="lazy"
          hidden={missing}
          onError={failed}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => {
            came();
            setSize([naturalWidth, naturalHeight]);
          }}
        />
        {size &&
          Object.entries(masks)
            .filter(([name]) => !hidden.has(`mask ${name}`))
            .map(([name, mask]) => <Mask key={name} digest={mask.digest} />)}
        {size && (
          <svg viewBox={`0 0 ${size[0]} ${size[1]}`} preserveAspectRatio="none" aria-hidden="true">
            {Object.entries(boxes)
              .filter(([name]) => !hidden.has(`boxes ${name}`))
              .flatMap(([name, { boxes, labels }]) =>
                boxes.map((box, index) => {
                  const [across, down] = box.pixel ? [1, 1] : size;
                  return (
                    <rect
                      key={`${name}/${index}`}
                      class={`line${box.class % COLOURS}`}
                      x={box.x * across}
                      y={box.y * down}
                      width={Math.max(box.width * across, 0)}
                      height={Math.max(box.height * down, 0)}
                    >
                      <title>{describe(box, labels)}</title>
                    </rect>
                  );
                }),
              )}
          </svg>
        )}
      </a>
      {missing && <p class="quiet">Not uploaded yet</p>}
      {layers.length > 0 && (
        <div class="layers">
          {layers.map((layer) => (
            <label key={layer}>
              <input type="checkbox" checked={!hidden.has(layer)} onChange={() => toggle(layer)} />
              {layer}
            </label>
          ))}
        </div>
      )}
      <Legend labels={[...Object.values(boxes), ...Object.values(masks)].map((layer) => layer.labels)} />
      {Object.values(boxes)
        .flatMap(({ boxes, labels }) => boxes.map((box) => describe(box, labels)))
        .slice(0, 5)
        .map((text, index) => (
          <p key={index} class="quiet">
            {text}
          </p>
        ))}
    </>
  );
}

function describe(box: Box, labels: Labels): string {
  const scores = Object.entries(box.scores).map(([name, score]) => `${name} ${number(score, 3)}`);
  return [box.caption || (labels[box.class] ?? `class ${box.class}`), ...scores].join(", ");
}

function Legend({ labels }: { labels: Labels[] }) {
  const all = Object.entries(Object.assign({}, ...labels) as Labels);
  if (all.length === 0) return null;
  return (
    <div class="layers">
      {all.slice(0, 20).map(([id, label]) => (
        <span key={id}>
          <span class={`swatch line${Number(id) % COLOURS}`} aria-hidden="true" />
          {label}
        </span>
      ))}
    </div>
  );
}

/** Each class in its colour; class 0 is the ground, and left as it is. */
function Mask({ digest }: { digest: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const image = new Image();
    image.onload = () => {
      const drawn = canvas.current;
      const context = drawn?.getContext("2d", { willReadFrequently: true });
      if (!drawn || !context) return;
      [drawn.width, drawn.height] = [image.naturalWidth, image.naturalHeight];
      context.drawImage(image, 0, 0);
      const pixels = context.getImageData(0, 0, drawn.width, drawn.height);
      const colours = ink().lines.map((colour) => rgb(context, colour));
      context.clearRect(0, 0, drawn.width, drawn.height);
      for (let at = 0; at < pixels.data.length; at += 4) {
        const id = pixels.data[at] as number;
        pixels.data.set([...(colours[id % COLOURS] as number[]), id === 0 ? 0 : 255], at);
      }
      context.putImageData(pixels, 0, 0);
    };
    image.src = api.file(digest, "png");
    return () => {
      image.onload = null;
    };
  }, [digest]);
  return <canvas ref={canvas} />;
}

function rgb(context: CanvasRenderingContext2D, colour: string): number[] {
  context.clearRect(0, 0, 1, 1);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return Array.from(context.getImageData(0, 0, 1, 1).data.slice(0, 3));
}
