package spec

import (
	"strings"

	"github.com/goccy/go-yaml"
)

// schemaDraft is the dialect of JSON Schema that Schema is written in.
const schemaDraft = "https://json-schema.org/draft/2020-12/schema"

// schema is one JSON Schema, or a part of one.
type schema map[string]any

// Schema is the language as JSON Schema, made from Keys: what an editor needs to complete
// keys, to say what they are for, and to flag those that there are not. It knows the shape
// of a spec; expressions, probes and types are text to it.
func Schema() map[string]any {
	levels := schema{}
	for _, key := range Keys {
		if key.Level != TopLevel && levels[anchor(key.Level)] == nil {
			levels[anchor(key.Level)] = levelSchema(key.Level)
		}
	}
	top := levelSchema(TopLevel)
	top["$schema"] = schemaDraft
	top["title"] = "ebgen spec"
	top["description"] = "A kernel tracer: what is traced, what is shown of it, and for what."
	top["$defs"] = levels
	return top
}

// anchor is what a level is called in the schema: point-of-a-span.
func anchor(level Level) string {
	name := strings.TrimPrefix(strings.TrimPrefix(string(level), "a "), "the ")
	return strings.ReplaceAll(name, " ", "-")
}

// levelSchema is a mapping with the keys of a level and no others.
func levelSchema(level Level) schema {
	properties, required, choices := schema{}, []any{}, []any{}
	for _, key := range keysOf(level) {
		properties[key.Name] = keySchema(key)
		if key.Required {
			required = append(required, key.Name)
		}
		if key.Choice {
			choices = append(choices, schema{"required": []any{key.Name}})
		}
	}
	one := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		one["required"] = required
	}
	if len(choices) > 0 {
		one["anyOf"] = choices
	}
	return one
}

// keySchema is what stands behind a key.
func keySchema(key Key) schema {
	one := valueSchema(key)
	one["description"] = key.Help
	one["markdownDescription"] = key.Help + "\n\n```yaml\n" + key.Example + "\n```"
	var example map[string]any
	if yaml.Unmarshal([]byte(key.Example), &example) == nil && example[key.Name] != nil && example[key.Name] != "" {
		one["examples"] = []any{example[key.Name]}
	}
	return one
}

// valueSchema is the forms in which a value may be written.
func valueSchema(key Key) schema {
	var forms []any
	if key.Form&ScalarForm != 0 {
		forms = append(forms, scalarSchema(key))
	}
	if key.Form&ListForm != 0 {
		item := key.each()
		if item.Form == 0 { // a list where one value could stand too
			item = key
			item.Form &^= ListForm
		}
		forms = append(forms, schema{"type": "array", "minItems": 1, "items": valueSchema(item)})
	}
	if key.Form&MappingForm != 0 {
		forms = append(forms, mappingSchema(key))
	}
	if len(forms) == 1 {
		return forms[0].(schema)
	}
	return schema{"anyOf": forms}
}

// scalarSchema is one value. YAML reads true and 443 as what they are, and so may they stand.
func scalarSchema(key Key) schema {
	if key.Values == nil {
		return schema{"type": []any{"string", "number", "boolean"}}
	}
	var values []any
	for _, v := range key.Values {
		values = append(values, v)
		if v == "true" || v == "false" {
			values = append(values, v == "true")
		}
	}
	return schema{"enum": values}
}

// mappingSchema is the keys of a level, names of the author's, or entries of state maps.
func mappingSchema(key Key) schema {
	ref := schema{"$ref": "#/$defs/" + anchor(key.Holds)}
	switch {
	case key.Entries: // an entry holds one value, or names that each hold one
		value := schema{"anyOf": []any{scalarSchema(Key{}), ref}}
		names := schema{"type": "object", "additionalProperties": value}
		return schema{"type": "object", "additionalProperties": schema{"anyOf": []any{scalarSchema(Key{}), names}}}
	case key.Named:
		return schema{"type": "object", "additionalProperties": valueSchema(key.each())}
	}
	return ref
}
