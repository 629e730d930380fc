/** One series of a Prometheus answer: its labels, and its values at Unix seconds. */
export interface Series {
  metric: Record<string, string>;
  values: Array<[number, number]>;
}

export interface Exemplar {
  labels: Record<string, string>;
  value: number;
  timestamp: number;
}

interface Sample {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

interface QueryData {
  resultType: 'vector' | 'matrix' | 'scalar' | 'string';
  result: Sample[] | [number, string];
}

/** Prometheus's HTTP API, which draw.mjs serves below the page's own address. */
export class Prometheus {
  /** How many queries it was asked. */
  queries = 0;

  async instant(query: string, time: number): Promise<Series[]> {
    return seriesOf(await this.ask<QueryData>('query', { query, time: `${time}` }));
  }

  async range(query: string, start: number, end: number, step: number): Promise<Series[]> {
    const parameters = { query, start: `${start}`, end: `${end}`, step: `${step}` };
    return seriesOf(await this.ask<QueryData>('query_range', parameters));
  }

  async exemplars(query: string, start: number, end: number): Promise<Exemplar[]> {
    const found = await this.ask<Array<{ seriesLabels: Record<string, string>; exemplars: RawExemplar[] }>>(
      'query_exemplars',
      { query, start: `${start}`, end: `${end}` }
    );
    return found.flatMap(({ seriesLabels, exemplars }) =>
      exemplars.map(({ labels, value, timestamp }) => ({
        labels: { ...seriesLabels, ...labels },
        value: numberOf(value),
        timestamp,
      }))
    );
  }

  private async ask<Data>(path: string, parameters: Record<string, string>): Promise<Data> {
    this.queries += 1;
    const response = await fetch(`/api/v1/${path}?${new URLSearchParams(parameters)}`);
    const text = await response.text();
    try {
      const answer = JSON.parse(text);
      if (answer.status === 'success') {
        return answer.data;
      }
      throw new Error(`Prometheus: ${answer.error}`);
    } catch (error) {
      throw error instanceof SyntaxError ? new Error(`Prometheus: ${response.status} ${text.slice(0, 200)}`) : error;
    }
  }
}

interface RawExemplar {
  labels: Record<string, string>;
  value: string;
  timestamp: number;
}

function seriesOf({ resultType, result }: QueryData): Series[] {
  if (resultType === 'scalar' || resultType === 'string') {
    const [time, value] = result as [number, string];
    return [{ metric: {}, values: [[time, numberOf(value)]] }];
  }
  return (result as Sample[]).map(({ metric, value, values }) => ({
    metric,
    values: (values ?? (value ? [value] : [])).map(([time, text]) => [time, numberOf(text)]),
  }));
}

/** Parse a sample's value, which may be NaN, +Inf or -Inf. */
function numberOf(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}
