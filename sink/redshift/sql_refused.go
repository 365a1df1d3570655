package redshift

// loadErrors read what Redshift kept of the last files that COPY refused: column,
// code, file and line. Values, raw lines and reasons, which quote them, are left
// where they are.
// https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
// https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
var loadErrors = []string{
	"SELECT TRIM(colname), err_code, TRIM(filename), line_number FROM stl_load_errors ORDER BY starttime DESC LIMIT 20",
	"SELECT TRIM(column_name), error_code, TRIM(file_name), line_number FROM sys_load_error_detail ORDER BY start_time DESC LIMIT 20",
}
