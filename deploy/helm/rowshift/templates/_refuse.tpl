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
{{- end -}}
