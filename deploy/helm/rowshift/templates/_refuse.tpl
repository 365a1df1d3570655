{{- /* A secret in the values is refused here and not by the schema, which would print it. */ -}}
{{- define "rowshift.refuse" -}}
{{- with .Values.config.hash_key -}}
{{- if not (or (hasPrefix "file:" (toString .)) (contains "${" (toString .))) -}}
{{- fail "config.hash_key is the key itself: write file:PATH or ${ENV}" -}}
{{- end -}}
{{- end -}}
{{- range $name := list "source" "warehouse" -}}
{{- $database := index $.Values.config $name -}}
{{- with $database.password -}}
{{- if not (or (hasPrefix "file:" .) (contains "${" .)) -}}
{{- fail (printf "config.%s.password is a password itself: write file:PATH or ${ENV}" $name) -}}
{{- end -}}
{{- end -}}
{{- if or (regexMatch "^[^@]*//[^@]*:[^@]*@" $database.dsn) (contains "password=" $database.dsn) -}}
{{- fail (printf "config.%s.dsn holds a password: write config.%s.password as file:PATH or ${ENV}" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name, $table := .Values.config.tables -}}
{{- if kindIs "map" $table -}}
{{- include "rowshift.refuseNames" (list $name $table) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /*
Helm reads YAML 1.1, to which y, n, yes, no, on and off are true and false, and 1.50 is 1.5: a
column that is called so would be another one to the daemon. A key is text by the time that it
is here, so true and false are taken for such a slip unless columns has them as text.
Arguments: a table's name and its entry.
*/ -}}
{{- define "rowshift.refuseNames" -}}
{{- $table := index . 1 -}}
{{- $slip := "YAML takes n, y, no, yes, on, off and numbers for other than text: write the name in quotes" -}}
{{- range $key := list "columns" "exclude" "hash" "sortkey" "distkey" "target" "rename" "types" -}}
{{- $texts := get $table $key -}}
{{- if kindIs "map" $texts -}}
{{- $texts = values $texts -}}
{{- else if not (kindIs "slice" $texts) -}}
{{- $texts = list $texts -}}
{{- end -}}
{{- range $text := $texts -}}
{{- if or (kindIs "bool" $text) (kindIs "float64" $text) (kindIs "int64" $text) (kindIs "invalid" $text) -}}
{{- fail (printf "config.tables.%s.%s: a name is no text; %s" (index $ 0) $key $slip) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $columns := ternary $table.columns list (kindIs "slice" $table.columns) -}}
{{- range $key := list "rename" "types" "rules" -}}
{{- $entries := get $table $key -}}
{{- if kindIs "map" $entries -}}
{{- range $column := list "true" "false" -}}
{{- if and (hasKey $entries $column) (not (has $column $columns)) -}}
{{- fail (printf "config.tables.%s.%s: a column is called %s; %s, here and in columns" (index $ 0) $key $column $slip) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
