#!/usr/bin/env bash
# Reads statements.sql with a second grammar of Redshift's SQL, sqlfluff's. misread.sql
# has the statements that it is known to refuse wrongly.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v sqlfluff >/dev/null; then
	echo "sqlfluff is not installed: test/surface/statements.sql is not read with its grammar"
	exit 0
fi
ended=0
tree=$(sqlfluff parse --dialect redshift statements.sql) || ended=$?
refused=$(sed -n 's/^L: *\([0-9]*\) .*| *PRS |.*/\1/p' <<<"$tree" | sort -un)
if [ "$ended" != 0 ] && [ -z "$refused" ]; then
	echo "$tree"
	exit 1
fi
failed=0
for line in $refused; do
	statement=$(sed -n "${line}p" statements.sql)
	if ! grep -qxF -- "$statement" misread.sql; then
		echo "test/surface/statements.sql:$line: sqlfluff does not parse $statement"
		failed=1
	fi
done
exit "$failed"
