import {
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
  type DataFrame,
  type DataTransformerConfig,
} from '@grafana/data';

/** Tell @grafana/data its own transformations: Grafana registers them, with their editors, in the application. */
export function registerTransformations(): void {
  standardTransformersRegistry.setInit(() =>
    // Some of them are there twice, under an older name too.
    [...new Set(Object.values(standardTransformers))].map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation,
      editor: () => null,
      imageDark: '',
      imageLight: '',
    }))
  );
}

/** Apply a panel's transformations in their order. */
export function transform(frames: DataFrame[], transformations: DataTransformerConfig[]): Promise<DataFrame[]> {
  for (const { id } of transformations) {
    if (!standardTransformersRegistry.getIfExists(id)) {
      throw new Error(`unknown transformation ${id}`);
    }
  }
  return new Promise((resolve, reject) => {
    transformDataFrame(transformations, frames, { interpolate: (text) => text }).subscribe({
      next: resolve,
      error: reject,
    });
  });
}
