import {
  dataLinksOverrideProcessor,
  displayNameOverrideProcessor,
  FieldType,
  identityOverrideProcessor,
  numberOverrideProcessor,
  PanelPlugin,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  stringOverrideProcessor,
  thresholdsOverrideProcessor,
  unitOverrideProcessor,
  valueMappingsOverrideProcessor,
  type Field,
  type FieldConfigEditorBuilder,
  type FieldConfigPropertyItem,
  type PanelProps,
} from '@grafana/data';
import type { ComponentType } from 'react';

const anyField = () => true;
const numericField = (field: Field) => field.type === FieldType.number;
const noEditor = () => null;

type Process = FieldConfigPropertyItem['process'];

function property(id: string, process: Process, shouldApply: (field: Field) => boolean, defaultValue?: unknown) {
  const editors = { editor: noEditor, override: noEditor, settings: {} };
  return { id, path: id, name: id, process, shouldApply, defaultValue, ...editors };
}

/** Tell @grafana/data the standard options of a field: Grafana keeps the list, with its editors, in the application. */
export function registerStandardFieldConfig(): void {
  // @grafana/ui's own options name the editors that they want.
  standardEditorsRegistry.setInit(() =>
    ['boolean', 'number', 'radio', 'select', 'text'].map((id) => ({ id, name: id, editor: noEditor }))
  );
  standardFieldConfigEditorRegistry.setInit(() => [
    property('displayName', displayNameOverrideProcessor, anyField),
    property('unit', unitOverrideProcessor, anyField),
    property('min', numberOverrideProcessor, numericField),
    property('max', numberOverrideProcessor, numericField),
    property('fieldMinMax', identityOverrideProcessor, numericField),
    property('decimals', numberOverrideProcessor, numericField),
    property('noValue', stringOverrideProcessor, anyField),
    property('color', identityOverrideProcessor, anyField),
    property('thresholds', thresholdsOverrideProcessor, numericField, {
      mode: 'absolute',
      steps: [
        { value: -Infinity, color: 'green' },
        { value: 80, color: 'red' },
      ],
    }),
    property('mappings', valueMappingsOverrideProcessor, anyField, []),
    property('links', dataLinksOverrideProcessor, anyField),
    property('actions', identityOverrideProcessor, anyField),
    property('filterable', identityOverrideProcessor, anyField),
  ]);
}

/** What a kind of panel adds to the standard options. */
interface Additions {
  /** Its custom options (custom.<path>), each with its default or undefined. */
  custom?: Record<string, unknown>;
  /** Those of its custom options that @grafana/ui itself defines. */
  shared?: (builder: FieldConfigEditorBuilder<any>) => void;
  /** The colour mode where the dashboard gives none. */
  color?: string;
}

/** Make a panel plugin, as Grafana's own panels are one, that draws with a component. */
export function panelPlugin<Options>(
  component: ComponentType<PanelProps<Options>>,
  defaults: Partial<Options>,
  { custom = {}, shared, color }: Additions = {}
): PanelPlugin<Options> {
  return new PanelPlugin<Options>(component).setDefaults(defaults as Options).useFieldConfig({
    standardOptions: color ? { color: { defaultValue: { mode: color } } } : {},
    useCustomConfig: (builder) => {
      shared?.(builder);
      for (const [path, defaultValue] of Object.entries(custom)) {
        builder.addCustomEditor(property(path, identityOverrideProcessor, anyField, defaultValue));
      }
    },
  });
}
